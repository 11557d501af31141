"""Whether what runs fills the disk, with few large files or with many small ones.

Asking the file system how much is left costs nothing, and says at once that it may be so; whose it
is tells a walk through the folder, done then, and seldom anyway: others may free what is used up
here. When the disk is nearly full it no longer matters whose: a file that was removed while it is
open is in no folder.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ironhull.store.trees import walked

_NEARLY_FULL = 1 << 30
_BLOCK = 512
_REST = 20
"""Times as long as a walk took."""
_SELDOM = 30.0
"""Seconds."""


class Filling:
    """Looks after a folder in which something runs that may use `limit` bytes and `files` inodes.

    None is no limit. On file systems that do not count inodes only bytes are held.
    """

    def __init__(
        self,
        folder: Path,
        limit: int | None,
        files: int | None,
        left: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        self._folder = folder
        self._limits = (limit, files)
        self._left = left or _left
        self._last = self._left(folder)
        self._used = (0, 0)
        self._rested = 0.0
        self._due = time.monotonic() + _SELDOM
        self._nearly_full = min(_NEARLY_FULL, self._last[0] // 2)

    def problem(self, *, last: bool = False) -> str:
        """What is wrong, as the end of a sentence; empty if nothing is.

        At the `last` look a suspicion is followed at once, however long ago the walk before was.
        """
        free, now = self._left(self._folder), time.monotonic()
        if any(self._limits) and free[0] < self._nearly_full:
            return f"the disk is nearly full ({free[0] >> 20} MB are left of it)"
        suspected = any(
            limit is not None and before - after > limit - used
            for before, after, used, limit in zip(
                self._last, free, self._used, self._limits, strict=True
            )
        )
        due = self._due
        if suspected:
            due = 0.0 if last else self._rested
        return self._walked(suspected=suspected) if now >= due else ""

    def _walked(self, *, suspected: bool) -> str:
        began, size, count = time.monotonic(), 0, 0
        most, files = self._limits
        hidden: list[OSError] = []
        for found in self._all(hidden):
            size, count = size + found.st_blocks * _BLOCK, count + 1
            if most is not None and size > most:
                return f"its files have more than {_amount(most)}"
            if files is not None and count > files:
                return f"it has more than {files} files"
        if hidden and suspected:
            why = hidden[0].strerror
            return f"the disk has less and less, and not all files can be seen ({why})"
        # From one look to the next nothing may go where no look goes.
        if not hidden:
            self._last, self._used = self._left(self._folder), (size, count)
        # Where others write to the same disk the suspicion comes again and again.
        now = time.monotonic()
        self._rested = now + _REST * (now - began)
        self._due = max(self._rested, now + _SELDOM)
        return ""

    def _all(self, hidden: list[OSError]) -> Iterator[os.stat_result]:
        """Each file and folder once, whatever its names; `hidden` gets why one was not seen."""

        def note(error: OSError) -> None:
            # What runs removes files meanwhile; and it can make folders that no path reaches.
            if error.errno not in (errno.ENOENT, errno.ENOTDIR) and not hidden:
                hidden.append(error)

        seen: set[int] = set()
        for entry in walked(self._folder, note):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError as error:
                note(error)
                continue
            if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                if found.st_ino in seen:
                    continue
                seen.add(found.st_ino)
            yield found


def _left(folder: Path) -> tuple[int, int]:
    """Bytes and inodes that are left of the disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_favail


def _amount(size: int) -> str:
    return f"{size >> 30} GB" if size >= 1 << 30 else f"{size >> 20} MB"
