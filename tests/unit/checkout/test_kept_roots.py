"""A root file system is made again when the archive, the options or the program changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from outside import mmdebstrap
from outside.mmdebstrap import KEPT_DAYS, make_root

RELEASE = "Date: {date}\nSHA256:\n {digest} 10 main/binary-amd64/Packages.xz\n"
PROGRAM = """#!/bin/sh
if [ "$1" = --version ]; then echo "mmdebstrap $(cat {folder}/version)"; exit; fi
echo made >> {folder}/made
for target; do shift; [ "$#" = 1 ] && break; done
cat > "$target"
"""


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """A program that notes each call and writes its sources to the target."""
    monkeypatch.setattr(mmdebstrap, "ROOTS", tmp_path / "roots")
    monkeypatch.setattr(mmdebstrap, "suite_lines", lambda name: f"deb {tmp_path} {name} main\n")
    (tmp_path / "dists/trixie").mkdir(parents=True)
    (tmp_path / "version").write_text("1")
    path = tmp_path / "mmdebstrap"
    path.write_text(PROGRAM.format(folder=tmp_path))
    path.chmod(0o755)
    return path


def made(program: Path, date: str = "1", digest: str = "a", options: tuple[str, ...] = ()) -> int:
    """Make a root of an archive in this state; how often the program made one so far."""
    folder = program.parent
    release = RELEASE.format(date=date, digest=digest * 64)
    (folder / "dists/trixie/InRelease").write_text(release)
    target = make_root(program, "trixie", options, folder / "target.tar")
    assert target.read_text() == f"deb {folder} trixie main\n"
    return len((folder / "made").read_text().split())


def test_what_was_made_of_the_same_archive_is_taken_again(program):
    assert [made(program), made(program), made(program, date="2")] == [1, 1, 1]


def test_another_archive_program_or_wish_makes_it_again(program):
    assert made(program) == 1
    assert made(program, digest="b") == 2
    assert made(program, digest="b", options=("--include=x",)) == 3
    (program.parent / "version").write_text("2")
    assert made(program, digest="b") == 4
    assert made(program) == 5


def test_a_failure_keeps_nothing(program):
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\nexit 1\n')
    with pytest.raises(mmdebstrap.subprocess.CalledProcessError):
        made(program)
    assert list((program.parent / "roots").iterdir()) == []


def test_what_nobody_asked_for_in_days_is_forgotten(program):
    made(program)
    (old,) = (program.parent / "roots").iterdir()
    os.utime(old, (0, old.stat().st_mtime - (KEPT_DAYS + 1) * 86_400))
    made(program, digest="b")
    assert old not in (program.parent / "roots").iterdir()


def test_an_archive_without_indexes_is_refused(program):
    with pytest.raises(ValueError, match="lists no index of packages"):
        made(program, digest="")
