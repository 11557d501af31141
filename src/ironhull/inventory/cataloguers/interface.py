"""A cataloguer says which files it wants and finds packages in one of them.

It sees one file at a time, without the rest of the image: so its answer can be cached with the
layer. What needs the whole image (who owns a file, purls) is decided later, in `assemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import BinaryIO, Protocol

from ironhull.errors import EnvironmentProblem
from ironhull.inventory.model import Package, Remark
from ironhull.values import dataclass


class UnreadableError(EnvironmentProblem):
    """One file of a folder may not be read; the others are no worse for it."""


class Content(Protocol):
    """The bytes of one file of an image, read forward once."""

    def head(self, size: int) -> bytes:
        """Up to `size` first bytes, which stay unread."""
        ...

    def read(self, limit: int) -> bytes | None:
        """All bytes, or None (and nothing is read) if there are more than `limit`."""
        ...

    def content(self) -> Iterator[bytes]:
        """All bytes, piece by piece."""
        ...


@dataclass(slots=True)
class Findings:
    """What one file says."""

    packages: list[Package] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def unparsed(self, location: str, message: str) -> None:
        """Note a part that could not be read, so that nothing is skipped in silence."""
        self.remarks.append(Remark("unparsed", location, message))

    def warning(self, location: str, message: str) -> None:
        """Note what a person should know and no package is missing for."""
        self.remarks.append(Remark("warning", location, message))


@dataclass(frozen=True, slots=True)
class TextCataloguer:
    """Reads whole files of a limited size."""

    name: str
    read: Callable[[str, bytes], Findings]
    bases: frozenset[str] = frozenset()
    """File names."""
    extensions: frozenset[str] = frozenset()
    """What follows the last dot of a file name."""
    directories: frozenset[str] = frozenset()
    """Folders of which every file is wanted."""
    wants: Callable[[str], bool] = lambda path: True
    """The last word, asked with the path once one of the above holds."""
    limit: int = 16 << 20


@dataclass(frozen=True, slots=True)
class FileCataloguer:
    """Reads files that may be large and need random access, such as archives and programs."""

    name: str
    read: Callable[[str, BinaryIO], Findings]
    extensions: frozenset[str] = frozenset()
    limit: int = 2 << 30
