"""Why a program did not start: which file asked for what, and the lines that mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironhull.build.start_mending import remedies, remedy_lines
from ironhull.definition.reader import load

USER = (65532, 65532)
TEXTS = {
    "/etc/haproxy/haproxy.cfg": "global\n    # user web\n    user haproxy\n    bind :80\n",
    "/etc/web.conf": "listen 8080\nerror_log /var/log/web/error.log\npid /run/web/web.pid;\n",
    "/usr/lib/systemd/system/web.service": "[Service]\nUser=haproxy\nExecStart=/bin/sh -c web\n",
}


@pytest.mark.parametrize(
    "said",
    [
        "[ALERT] 'user' : cannot find user id for 'haproxy' (0:Success)",
        'nginx: [emerg] getpwnam("haproxy") failed in /etc/nginx.conf:1',
        "[13-Nov] ERROR: [pool www] cannot get uid for user 'haproxy'",
        "AH00543: httpd: bad user name haproxy",
        "unknown user haproxy",
        "FATAL: user `haproxy' not found",
        "can't find the user haproxy to switch to",
    ],
)
def test_an_account_that_is_not_made_is_said_with_the_file_that_names_it(said: str) -> None:
    [one] = remedies("ended with exit code 1", said, USER, TEXTS)
    assert one.cause == (
        "it asks for the user haproxy, which the image has not "
        "(/etc/haproxy/haproxy.cfg:3 names it)"
    )
    assert "- {name: haproxy, uid: 65533, gid: 65533}" in one.lines


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("could not open error log file: open() \"/var/log/web/error.log\" failed (13: Permission "
         "denied)", "/var/log/web/error.log"),
        ("can't create /run/web/web.pid: Read-only file system", "/run/web/web.pid"),
        ("Permission denied: open('/var/log/web/error.log')", "/var/log/web/error.log"),
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_written_becomes_a_folder_and_a_volume(said: str, path: str) -> None:
    [one] = remedies("ended with exit code 1", said, USER, TEXTS)
    folder = path.rpartition("/")[0]
    assert one.cause.startswith(f"it wants {path}, and {folder} user 65532 cannot write (/etc/web.")
    assert f'path: {folder}, mode: "0750", uid: 65532, gid: 65532' in one.lines
    assert f"volumes:\n  - {folder}\n" in one.lines


@pytest.mark.parametrize(
    ("path", "own", "file"),
    [
        ("/run/web.pid", "/run/web", "; give it /run/web, and let the file be /run/web/web.pid"),
        ("/var/lib/web", "/var/lib/web", "; give it /var/lib/web"),
    ],
)
def test_a_folder_that_all_share_is_not_given_to_one_program(
    path: str, own: str, file: str
) -> None:
    [one] = remedies("", f"cannot create {path}: Permission denied", USER, {})
    assert one.cause.endswith(f"user 65532 cannot write, and is not its own{file}")
    assert f"path: {own}, mode" in one.lines
    assert one.lines.endswith(f"volumes:\n  - {own}\n")


def test_a_folder_that_is_not_there_is_said_so() -> None:
    [one] = remedies("", "bind /run/web/sock: No such file or directory", USER, {})
    assert one.cause == "it wants /run/web/sock, and /run/web is not there"


def test_a_port_of_root_and_the_port_that_it_listens_on_instead_are_said() -> None:
    for said in (
        "12:30:05 [ALERT] cannot bind socket (Permission denied) for [0.0.0.0:80]",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)",
        "listen on port 80: Permission denied",
    ):
        [low] = remedies("", said, USER, TEXTS)
        assert "binds port 80, which under 1024 is root's (/etc/haproxy/haproxy.cfg:4" in low.cause
        assert low.lines == "ports:\n  - 8080/tcp\n"
    reason = "runs, but does not listen on 80/tcp (it listens on 8080/tcp)"
    [other] = remedies(reason, "", USER, TEXTS)
    assert other.cause == (
        "it listens on 8080/tcp (/etc/web.conf:1 names it); the definition says 80/tcp"
    )
    assert other.lines == "ports:\n  - 8080/tcp\n"


def test_what_listens_on_nothing_has_no_line_that_would_mend_it() -> None:
    reason = "runs, but does not listen on 80/tcp (it listens on no port)"
    [one] = remedies(reason, "", USER, TEXTS)
    assert one.cause.startswith("nothing listens on 80/tcp")
    assert one.lines == ""


@pytest.mark.parametrize(
    "said",
    ["sh: 1: web: not found", "/bin/sh: No such file or directory", "popen failure: not there",
     'could not execute command "locale -a"'],
)  # fmt: skip
def test_a_shell_that_is_asked_for_is_said_with_who_asks(said: str) -> None:
    [one] = remedies("", said, USER, TEXTS)
    assert "(/usr/lib/systemd/system/web.service:3 names it)" in one.cause
    assert "packages: [dash]" in one.lines


def test_a_library_that_is_missing_is_named() -> None:
    said = "web: error while loading shared libraries: libz.so.1: cannot open shared object file"
    [one] = remedies("", said, USER, {})
    assert "libz.so.1" in one.cause


def test_what_no_rule_knows_gets_no_remedy() -> None:
    assert remedies("ended with exit code 1", "Segmentation fault", USER, TEXTS) == ()


def test_the_lines_are_those_of_a_definition(tmp_path: Path) -> None:
    said = "unknown user web\n/var/log/web/x: Permission denied\nsh: web: not found"
    found = remedies("", said, USER, {})
    assert len(found) == 3
    for number, one in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        head = "image: web\ntags: ['1']\nos-release: {id: debian, version-id: '13'}\n"
        run = "" if "accounts" in one.lines else "accounts: {run-as: root, root: true}\n"
        lines = one.lines.replace("accounts:\n", "accounts:\n  run-as: web\n")
        file.write_text(f"# syntax=ironhull/build:1-debian13\n{head}{run}{lines}")
        load(file)
    assert remedy_lines(found)[1] == "    accounts:"


def test_a_path_is_read_from_where_it_begins() -> None:
    [one] = remedies("ended", "open src/var/lib/a/b (/var/lib/c/d): Permission denied", USER, {})
    assert "it wants /var/lib/c/d" in one.cause
    # From each of its steps to the end this would be read 20,000 times.
    assert not remedies("ended", "/a" * 20_000, USER, {})


def test_a_program_that_asks_for_thousands_of_things_is_answered_with_the_first_of_them() -> None:
    said = "\n".join(f"'/var/a/{number}': Permission denied" for number in range(1000))
    assert len(remedies("ended", said, USER, {})) == 20
    assert not remedies("ended", f"{said}{'x' * (1 << 16)}", USER, {})
