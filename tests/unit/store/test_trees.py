"""Folders that strangers have filled: deeper than Python calls itself and than paths are long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironhull.build.stage_tree import listed
from ironhull.errors import InputError
from ironhull.sandbox.filling import Filling
from ironhull.store.trees import remove_tree, walked


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is emptied here: pytest cannot remove such trees either."""
    yield tmp_path
    for each in tmp_path.iterdir():
        remove_tree(each)


def nested(top: Path, name: str, depth: int) -> None:
    """Folders in folders, with a file in the last one, as a program makes them step by step."""
    top.mkdir()
    folder = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)


@pytest.mark.parametrize(("name", "depth"), [("d", 1200), ("d" * 200, 30)])
def test_no_nesting_is_too_deep_to_be_removed(place: Path, name: str, depth: int) -> None:
    nested(place / "top", name, depth)
    remove_tree(place / "top")
    assert not any(place.iterdir())


def test_what_denies_to_be_removed_is_removed_and_what_links_lead_to_is_not(
    place: Path,
) -> None:
    other, top = place / "other", place / "top"
    other.mkdir(mode=0o755)
    (other / "file").write_text("x")
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/c/file").write_text("x")
    (top / "a/b/link").symlink_to(other)
    (top / "link").symlink_to(other)
    for path in (top / "a/b/c", top / "a/b", top / "a", top):
        path.chmod(0)
    remove_tree(top)
    assert not top.exists()
    assert (other / "file").read_text() == "x"
    assert other.stat().st_mode & 0o777 == 0o755
    # Nor is a link itself taken for the folder that it leads to.
    (place / "link").symlink_to(other)
    remove_tree(place / "link")
    remove_tree(place / "nowhere")
    assert (other / "file").exists()


def test_all_that_is_below_is_walked_and_what_is_hidden_is_told(place: Path) -> None:
    nested(place / "deep", "d", 1200)
    nested(place / "long", "d" * 200, 30)
    hidden: list[OSError] = []
    assert sum(entry.name == "file" for entry in walked(place, hidden.append)) == 1
    assert [error.strerror for error in hidden] == ["File name too long"]


def test_folders_of_a_stage_that_no_path_reaches_are_an_error_with_its_place(
    place: Path,
) -> None:
    nested(place / "deep", "d", 1200)
    assert len(listed(place / "deep")) == 1201
    nested(place / "long", "d" * 200, 30)
    with pytest.raises(InputError, match="of the stage: File name too long"):
        listed(place / "long")


def test_what_fills_a_disk_is_counted_at_any_depth(place: Path) -> None:
    nested(place / "deep", "d", 1200)
    left = iter([(50 << 30, 10**6), (40 << 30, 10**5), (40 << 30, 10**5)])
    filling = Filling(place, None, 1201, lambda folder: next(left))
    assert filling.problem() == "it has more than 1201 files"
