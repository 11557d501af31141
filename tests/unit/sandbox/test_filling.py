"""Whether a folder is filled: told by a walk, when the disk says that it may be so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ironhull.sandbox.filling import Filling
from ironhull.sandbox.running import _watched

GB = 1 << 30


class Disk:
    """A disk as a list of what is left of it, one entry each time that it is asked."""

    def __init__(self, *left: tuple[int, int]) -> None:
        self.left = list(left)

    def __call__(self, folder: Path) -> tuple[int, int]:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.mark.parametrize(
    ("limit", "files", "message"),
    [
        (1 << 20, None, "its files have more than 1 MB"),
        (None, 8, "it has more than 8 files"),
        (100 << 20, 100, ""),
    ],
)
def test_many_files_are_as_much_as_a_large_one(
    tmp_path: Path, limit: int | None, files: int | None, message: str
) -> None:
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"x" * (200 << 10))
    disk = Disk((50 * GB, 10**6), (40 * GB, 10**5))
    assert Filling(tmp_path, limit, files, disk).problem() == message


def test_nobody_walks_while_the_disk_has_as_much_as_before(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    assert Filling(tmp_path, 1 << 20, 0, Disk((50 * GB, 10**6))).problem() == ""


def test_names_of_one_file_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * (1 << 20))
    for number in range(9):
        os.link(tmp_path / "one", tmp_path / str(number))
    disk = Disk((50 * GB, 10**6), (40 * GB, 10**5))
    assert Filling(tmp_path, 3 << 20, 5, disk).problem() == ""


def test_what_others_write_is_not_held_against_it(tmp_path: Path) -> None:
    disk = Disk((50 * GB, 10**6), (30 * GB, 10**6), (30 * GB, 10**6), (29 * GB, 10**6))
    filling = Filling(tmp_path, GB, None, disk)
    assert [filling.problem(), filling.problem()] == ["", ""]


def test_a_disk_that_is_nearly_full_stops_it_whoever_filled_it(tmp_path: Path) -> None:
    filling = Filling(tmp_path, 100 * GB, None, Disk((50 * GB, 10**6), (GB // 2, 10**6)))
    assert filling.problem() == "the disk is nearly full (512 MB are left of it)"


def test_what_no_path_reaches_is_not_overlooked_when_the_disk_has_less(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("large", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    # Less than the limit from each look to the next, and more than it in all.
    disk = Disk(*((left * GB, 10**6) for left in (50, 49, 48, 47)))
    filling = Filling(tmp_path, 2 * GB, None, disk)
    filling._due = 0.0
    assert [filling.problem(), filling.problem()] == ["", ""]
    filling._rested = 0.0
    assert "less and less" in filling.problem()


def test_at_the_last_look_it_is_walked_however_short_ago_that_was(tmp_path: Path) -> None:
    left = [(50 * GB, 10**6), *[(40 * GB, 10**6)] * 4]
    filling = Filling(tmp_path, 1 << 20, None, Disk(*left))
    filling._rested = float("inf")
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    assert filling.problem() == ""
    assert filling.problem(last=True) == "its files have more than 1 MB"


class Fills:
    """A program that fills its folder after the look of its watcher, and ends."""

    alive = True

    def __init__(self, file: Path) -> None:
        self.file = file

    def wait(self, seconds: float | None = None) -> None:
        """Nothing: it is looked at all the time."""


class Looks:
    """Looks at it as `Filling` does; the program ends between the first look and its end."""

    def __init__(self, program: Fills) -> None:
        self.program = program

    def problem(self, *, last: bool = False) -> str:
        said = "filled" if self.program.file.exists() else ""
        self.program.file.touch()
        self.program.alive = False
        return said


def test_what_ended_since_the_last_look_is_looked_at_once_more(tmp_path: Path) -> None:
    program = Fills(tmp_path / "large")
    assert _watched(program, Looks(program), 60) == "filled"  # type: ignore[arg-type]
