"""Build stages held to one moment of the archive: what they install, and the text that does."""

from __future__ import annotations

import pytest

from ironhull.migrate.locking.stages import Frozen, Wanted, apt_stages, locked_text

TEXT = b"""\
FROM a AS build
# Tools
RUN apt-get update && apt-get install -y --no-install-recommends \\
    "gcc" \\
    # comment
    make=4.4 libc6-dev && rm -rf /var/lib/apt/lists/*
RUN make
FROM b
COPY --from=build /x /x
"""
FROZEN = Frozen(
    "http://h:5000/apt/0a",
    [("debian", "trixie"), ("debian-security", "trixie-security")],
    versions={0: {"gcc": "4:14.2-1", "make": "4.4.1-2", "libc6-dev": "2.41-12"}},
)


def test_packages_are_found_where_commands_are_simple():
    (stage,) = apt_stages(TEXT)
    assert (stage.index, stage.base, stage.opaque) == (0, "a", ())
    assert stage.wanted == (
        Wanted("gcc", False), Wanted("libc6-dev", False), Wanted("make", False),
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get install -y $PACKAGES",
        "RUN for i in a b; do apt-get install $i; done",
        'RUN ["apt-get", "install", "-y", "gcc"]',
        "RUN <<EOF\napt-get install -y gcc\nEOF",
    ],
)
def test_what_cannot_be_seen_is_said_with_its_line(line):
    (stage,) = apt_stages(f"FROM a\n{line}\n".encode())
    assert stage.opaque == (2,)


def test_options_with_words_of_their_own_are_no_packages():
    line = b"FROM a\nRUN apt-get -o Dpkg::Use-Pty=0 install -t trixie gcc\n"
    (stage,) = apt_stages(line)
    assert stage.wanted == (Wanted("gcc", True),)
    assert apt_stages(b"FROM a\nRUN apt-get update && npm install x\n") == ()


def test_versions_are_put_behind_the_names_and_all_else_stays():
    made = locked_text(TEXT, FROZEN).decode()
    lines = made.splitlines()
    assert lines[:2] == ["FROM a AS build", "# Tools"]
    assert lines[2] == "ARG IRONHULL_APT=http://h:5000/apt/0a"
    assert "check-valid-until=no lang=none signed-by=" in lines[4]
    assert '$IRONHULL_APT/%s %s main\\n" debian trixie debian-security trixie-security' in lines[4]
    assert lines[5:] == [
        "RUN apt-get update && apt-get install -y --no-install-recommends \\",
        '    "gcc"=4:14.2-1 \\',
        "    # comment",
        "    make=4.4 libc6-dev=2.41-12 && rm -rf /var/lib/apt/lists/*",
        "RUN make",
        "FROM b",
        "COPY --from=build /x /x",
    ]


def test_locking_again_changes_nothing():
    made = locked_text(TEXT, FROZEN)
    assert locked_text(made, FROZEN) == made
    assert locked_text(TEXT, Frozen("http://h", [])) == TEXT


def test_line_ends_are_those_of_the_file():
    text = b"FROM a\r\nRUN apt-get install -y gcc\r\n"
    made = locked_text(text, FROZEN)
    assert made.count(b"\n") == made.count(b"\r\n")
    assert made.endswith(b"RUN apt-get install -y gcc=4:14.2-1\r\n")
