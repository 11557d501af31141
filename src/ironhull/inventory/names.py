"""Millions of paths in little memory: a list of them, and a table that finds them.

A path as a Python object costs about a hundred bytes, a place in a dict forty more. Here a path
costs its last part and eight bytes, and a place in the table eight bytes at half load.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

_BULK = 4096
_TAG = 0xFFFFFFFF
_LEAST = 16
_WIDEST = 4
"""Bytes of a sign in a text that has any sign."""
_SMALL = 32 << 20
"""Bytes of memory that paths may cost which are each kept as a text."""
_OBJECT = 200
"""Bytes of a text without its signs, and of its place in a dict."""


class Names:
    """Absolute paths by number, in the order in which they were added; one may be there twice."""

    __slots__ = ("_bases", "_ends", "_ids", "_kept", "folders", "owners")

    def __init__(self) -> None:
        self.folders: list[str] = []
        """The different folders, each with a slash at its end."""
        self.owners = array("I")
        """Path → number of its folder."""
        self._ids: dict[str, int] = {}
        # What follows the folder, each with a slash behind it, which no name has in it.
        self._bases = bytearray()
        self._ends = array("I")
        self._kept: list[str] = []

    def add(self, folder: str, base: str) -> None:
        """Append the path that `folder`, with its slash, and `base` make."""
        number = self._ids.get(folder)
        if number is None:
            number = self._ids[folder] = len(self.folders)
            self.folders.append(folder)
        self.owners.append(number)
        self._bases += base.encode() + b"/"
        self._ends.append(len(self._bases))

    def __len__(self) -> int:
        return len(self.owners)

    @property
    def expanded(self) -> int:
        """Bytes of memory that all paths would cost as texts, at most."""
        sizes = [len(folder) for folder in self.folders]
        signs = sum(map(sizes.__getitem__, self.owners)) + len(self._bases)
        plain = self._bases.isascii() and all(map(str.isascii, self.folders))
        return (1 if plain else _WIDEST) * signs + _OBJECT * len(self)

    def keep(self) -> None:
        """Keep the paths as they are asked for, now that none is added any more."""
        self._kept = list(self)

    def __getitem__(self, index: int) -> str:
        if self._kept:
            return self._kept[index]
        start = self._ends[index - 1] if index else 0
        base = self._bases[start : self._ends[index] - 1].decode()
        return self.folders[self.owners[index]] + base

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept) if self._kept else self._made()

    def _made(self) -> Iterator[str]:
        """Each path; the last parts of many at once, which is quicker."""
        folders, start = self.folders, 0
        for first in range(0, len(self.owners), _BULK):
            owners = self.owners[first : first + _BULK]
            end = self._ends[first + len(owners) - 1]
            bases = self._bases[start:end].decode().split("/")
            start = end
            # What follows the last slash is nothing.
            bases.pop()
            for owner, base in zip(owners, bases, strict=True):
                yield folders[owner] + base

    def folder(self, path: str) -> int | None:
        """The number of a folder, if any path is directly in it."""
        return self._ids.get(f"{path.rstrip('/')}/")

    def columns(self) -> dict[str, list[str] | bytes]:
        """All of it as values that can be written; `of` reads them."""
        return {
            "folders": self.folders,
            "owners": self.owners.tobytes(),
            "bases": bytes(self._bases),
            "ends": self._ends.tobytes(),
        }

    @classmethod
    def of(cls, columns: dict[str, list[str] | bytes]) -> Names:
        """What `columns` gave; ValueError, KeyError or TypeError if it is something else."""
        names = cls()
        folders, bases = columns["folders"], columns["bases"]
        if not isinstance(folders, list) or not isinstance(bases, bytes):
            raise TypeError("names of wrong types")
        names.folders = folders
        names._bases = bytearray(bases)
        for column, key in ((names.owners, "owners"), (names._ends, "ends")):
            value = columns[key]
            if not isinstance(value, bytes):
                raise TypeError("names of wrong types")
            column.frombytes(value)
        last = names._ends[-1] if names._ends else 0
        if len(names._ends) != len(names.owners) or last != len(bases):
            raise ValueError("names of different lengths")
        if names.owners and max(names.owners) >= len(folders):
            raise ValueError("a name in a folder that is not there")
        names._ids = {folder: number for number, folder in enumerate(folders)}
        return names


class PathTable:
    """Path → key, for keys whose owner can say the path: an open hash table, probed in line.

    A slot holds half of the path's hash beside the key, so that a path is made again only where
    it is very likely the one that is looked for. Hashes are seeded: nobody can make them collide.
    """

    __slots__ = ("_mask", "_path_of", "_slots")

    def __init__(self, count: int, path_of: Callable[[int], str]) -> None:
        """As `table_for`."""
        size = max(_LEAST, 1 << (2 * count).bit_length())
        self._slots = array("Q", bytes(8 * size))
        self._mask = size - 1
        self._path_of = path_of

    def get(self, path: str) -> int | None:
        """The key of the path, if it has one."""
        key = self._slots[self._place(path)] & _TAG
        return key - 1 if key else None

    def add(self, path: str, key: int) -> int:
        """Give the path a key, of at most 32 bits, if it has none yet; the one that it has then."""
        hashed = hash(path)
        tag, mask, slots = hashed >> 32 & _TAG, self._mask, self._slots
        place = hashed & mask
        while slot := slots[place]:
            if slot >> 32 == tag and self._path_of((slot & _TAG) - 1) == path:
                return (slot & _TAG) - 1
            place = (place + 1) & mask
        slots[place] = tag << 32 | (key + 1)
        return key

    def replace(self, path: str, key: int) -> None:
        """Give a path that has a key another one."""
        place = self._place(path)
        self._slots[place] = self._slots[place] >> 32 << 32 | (key + 1)

    def _place(self, path: str) -> int:
        """The slot that the path has or would get."""
        hashed = hash(path)
        tag, place = hashed >> 32 & _TAG, hashed & self._mask
        while slot := self._slots[place]:
            if slot >> 32 == tag and self._path_of((slot & _TAG) - 1) == path:
                break
            place = (place + 1) & self._mask
        return place


class SmallTable(dict[str, int]):
    """As a `PathTable`, several times as quick and as large."""

    add = dict.setdefault
    replace = dict.__setitem__


def table_for(names: Sequence[Names], path_of: Callable[[int], str]) -> PathTable | SmallTable:
    """A table for all of these paths; `path_of` gives the path of a key."""
    if sum(each.expanded for each in names) <= _SMALL:
        return SmallTable()
    return PathTable(sum(map(len, names)), path_of)
