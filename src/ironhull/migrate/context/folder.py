"""A build context on disk, which may be a stranger's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ironhull.migrate.context.interface import MAX_DEPTH, MAX_FILE, MAX_NAMES

_PASSED_OVER = frozenset((".git", "node_modules", "__pycache__", ".venv", "venv", "target", "dist"))


class FolderContext:
    """The files below a folder. Links are read only where they end below it too."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        self._names: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """As `Context.names`; links are not among them."""
        if self._names is None:
            self._names = tuple(sorted(self._listed()))
        return self._names

    def read(self, name: str) -> bytes | None:
        """As `Context.read`."""
        if "\0" in name or name.startswith("/"):
            return None
        path = os.path.realpath(self._root / name)
        if not Path(path).is_relative_to(self._root):
            return None
        try:
            # A pipe would wait for ever, a device may do anything.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode) or known.st_size > MAX_FILE:
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_FILE + 1)
        return data if len(data) <= MAX_FILE else None

    def _listed(self) -> list[str]:
        found: list[str] = []
        waiting = [("", 0)]
        seen = 0
        while waiting:
            folder, depth = waiting.pop(0)
            for entry in self._entries(folder):
                seen += 1
                if seen > MAX_NAMES:
                    return found
                name = f"{folder}{entry.name}"
                if entry.is_file(follow_symlinks=False):
                    found.append(name)
                elif (
                    entry.is_dir(follow_symlinks=False)
                    and depth + 1 < MAX_DEPTH
                    and entry.name not in _PASSED_OVER
                ):
                    waiting.append((f"{name}/", depth + 1))
        return found

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._root / folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return []
