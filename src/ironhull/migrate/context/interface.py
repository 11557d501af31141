"""A build context as rules see it: names, and the texts of small files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MAX_FILE = 1 << 20
"""Bytes of a file that is read; a longer one counts as one that cannot be read."""
MAX_NAMES = 20_000
MAX_DEPTH = 6


class Context(Protocol):
    """The files that a build can copy from."""

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of files relative to the context, with `/`, sorted; at most MAX_NAMES, and
        MAX_DEPTH folders deep. Folders whose files nobody wrote (node_modules, .git) are left out.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if there is none, it is no plain file, too long or outside."""
        ...


@dataclass(frozen=True, slots=True)
class FilesContext:
    """A context in memory."""

    files: Mapping[str, bytes]

    @property
    def names(self) -> tuple[str, ...]:
        """As `Context.names`."""
        return tuple(sorted(self.files))

    def read(self, name: str) -> bytes | None:
        """As `Context.read`."""
        return self.files.get(name)
