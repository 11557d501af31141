"""One table of programs: what the names of Debian's packages are, decided on purpose."""

from pathlib import Path

import pytest

from ironhull.programs import PROGRAMS, ProgramKind, program

DEBIAN = Path(__file__).parents[1] / "data/debian-programs.tsv"
ROWS = [line.split("\t") for line in DEBIAN.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("name", "kinds"), [(row[0], row[1]) for row in ROWS])
def test_the_programs_of_debian_are_what_was_decided(name: str, kinds: str) -> None:
    assert (",".join(program(f"/usr/bin/{name}")[1]) or "-") == kinds


# Not packaged in Debian, or linked by an alternative and so not in its index.
ELSEWHERE = {
    ProgramKind.SHELL: "ksh ksh2020 csh hush lash msh oksh loksh pwsh nu rc es scsh gash mrsh "
    "busybox-static busybox.static static-sh bash.static dash-static",
    ProgramKind.PACKAGE_MANAGER: "apk opkg yum dnf5 microdnf tdnf uv uvx conda mamba pnpm bun brew "
    "pip3.14 easy_install-3.9 gem3.4 mvn cpan5.42 cpanm guix",
    ProgramKind.COMPILER: "cc c++ go1.22.3 go-1.24 javac rustc tsc zig cc1 cc1plus collect2 lto1 "
    "aarch64-alpine-linux-musl-g++ as-2.44 ld-2.44 clang-21 g++-15",
    ProgramKind.NETWORK_TOOL: "nc netcat telnet ftp rsh rlogin sshd traceroute iptables",
    ProgramKind.INTERPRETER: "pypy3.10 awk nawk bun deno dotnet julia java jshell php ruby3.4",
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ELSEWHERE for name in ELSEWHERE[kind].split()]
)
def test_programs_from_elsewhere_and_links_are_known(kind: ProgramKind, name: str) -> None:
    assert kind in program(f"usr/local/bin/{name}")[1]


def test_a_program_can_be_of_two_kinds() -> None:
    assert program("/usr/bin/go")[1] == (ProgramKind.PACKAGE_MANAGER, ProgramKind.COMPILER)
    assert program("/usr/bin/bun")[1] == (ProgramKind.PACKAGE_MANAGER, ProgramKind.INTERPRETER)


@pytest.mark.parametrize(
    "path", ["/etc/init.d/rc", "/sbin/rc", "/usr/lib/apt/methods/http", "/etc/stack", "/srv/host"]
)
def test_short_words_are_programs_only_where_programs_are(path: str) -> None:
    assert program(path) == ("", ())


def test_a_name_that_is_no_word_is_known_in_any_folder() -> None:
    assert program("/opt/tools/bash")[0] == program("bash")[0] == "bash"


def test_no_name_stands_twice_in_a_row_of_the_table() -> None:
    for names in PROGRAMS.values():
        assert len(names.split()) == len(set(names.split()))
