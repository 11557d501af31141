"""Folders that images and builds have filled: looked through and removed, whatever is in them.

A program can nest folders deeper than paths are long, and deeper than Python calls itself, and take
from their owner the right to look into them. `os.walk` and `shutil.rmtree` end at both.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ironhull.store.files import unique


def walked(
    top: Path, hidden: Callable[[OSError], object] = lambda error: None
) -> Iterator[os.DirEntry[str]]:
    """All that is below a folder, in no order, links not followed.

    `hidden` is told why a folder could not be looked into; what is in it is left out.
    """
    todo = [os.fspath(top)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    yield entry
        except OSError as error:
            hidden(error)


def remove_tree(top: Path) -> None:
    """Take a folder away with all that is in it; what is not there is no error.

    What of it cannot be removed stays.

    1. each folder directly below `top` is emptied: its folders are moved up to `top`
    2. so no path is ever longer than two steps, and nothing calls itself
    """
    if top.is_symlink() or not top.is_dir():
        return
    names = (f".{unique()}-{number}" for number in itertools.count())
    with suppress(OSError):
        top.chmod(0o700)
    todo = [top]
    while todo:
        folder = todo.pop()
        with suppress(OSError):
            for entry in list(os.scandir(folder)):
                with suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    # Folders of an image may deny their owner to delete, or move, what is in them.
                    Path(entry.path).chmod(0o700)
                    moved = Path(entry.path)
                    if folder != top:
                        moved = moved.rename(top / next(names))  # 1
                    todo.append(moved)
            if folder != top:
                folder.rmdir()
    with suppress(OSError):
        top.rmdir()
