"""index.json of an image layout by entries: what did not change is neither parsed nor written anew.

A store of thousands of images is written for each one that is added, by several processes. So each
entry stands on a line of its own, in the order of names and digests (`index_blocks`); whoever reads
the file again, or writes it, knows the entries by their lines, and finds one by its order. A file
that was written otherwise is read as any JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ironhull.errors import MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.store.files import replace_file
from ironhull.store.index_blocks import (
    ORDER,
    Blocks,
    Entry,
    blocks_of,
    entries_of,
    entry_of,
    in_order,
    joined,
    made,
    place_of,
    put,
    read_again,
    without,
)
from ironhull.store.index_subjects import Subjects

_MAX_INDEX = 64 * 1024 * 1024
_REMEMBERED = 4
_HEAD = b'{"manifests":[\n'
_TAIL = b'\n],"mediaType":' + canonical(OCI_INDEX) + b',"schemaVersion":2}'
_Seen = tuple[int, int, int]


class Index:
    """What an index.json lists at one moment; never changed, so threads may share it."""

    __slots__ = ("_blocks", "_loose", "_subjects")

    def __init__(
        self,
        blocks: Blocks | None = None,
        subjects: Subjects | None = None,
        loose: Sequence[Entry] | None = None,
    ) -> None:
        self._blocks = blocks or []
        # By what they refer to; made when it is first asked for.
        self._subjects = subjects
        # As they stand in a file that has no line for each, or not in their order.
        self._loose = loose

    def __iter__(self) -> Iterator[Descriptor]:
        return (entry.descriptor for entry in self._entries())

    def find(self, name: str) -> Descriptor | None:
        """The first entry of this reference name or digest."""
        named = self.named(name)
        if named is None and self._loose is None:
            place = place_of(self._blocks, ("", name))
            if place is not None:
                entry = self._blocks[place[0]].entries[place[1]]
                if entry.order == ("", name):
                    return entry.descriptor
        # Of a digest that stands under a name alone.
        of = (each.descriptor for each in self._entries() if name and name == each.order[1])
        return named or next(of, None)

    def named(self, name: str) -> Descriptor | None:
        """The first entry of this reference name."""
        if self._loose is not None:
            of = (each.descriptor for each in self._loose if name and name == each.order[0])
            return next(of, None)
        place = place_of(self._blocks, (name, "")) if name else None
        if place is None:
            return None
        entry = self._blocks[place[0]].entries[place[1]]
        return entry.descriptor if entry.order[0] == name else None

    def referring(self, subject: str) -> list[Descriptor]:
        """The entries that say (`SUBJECT`) that they refer to a digest."""
        return [entry.descriptor for entry in self._by_subject().said(subject)]

    def subjects(self) -> list[str]:
        """All digests that entries say they refer to."""
        return self._by_subject().all_said()

    def plain(self, digest: Digest) -> list[Descriptor]:
        """The entries of a digest that do not say to what they refer."""
        return [entry.descriptor for entry in self._by_subject().plain(digest)]

    def opened(self, looked: Callable[[Descriptor], str | None]) -> dict[str, list[Descriptor]]:
        """By subject: entries that refer to it and do not say so.

        `looked` looks into one that was not looked into yet, in this index or an earlier one: its
        subject, "" where it has none, None where that cannot be told now.
        """
        groups = self._by_subject().opened(lambda entry: looked(entry.descriptor))
        return {key: [entry.descriptor for entry in each] for key, each in groups.items()}

    def replaced(
        self, new: Iterable[Descriptor], names: Collection[str] = (), gone: Collection[str] = ()
    ) -> Index:
        """Without the entries of these names, and those without a name of these digests; with new.

        A new one that stands there already, by name and digest, is left out.
        """
        blocks = self._lined()
        removed, added = [], []
        for name, digest in [*((name, "") for name in names), *(("", digest) for digest in gone)]:
            while (entry := without(blocks, name, digest)) is not None:
                removed.append(entry)
        for descriptor in new:
            entry, line = made(descriptor)
            if put(blocks, entry, line):
                added.append(entry)
        subjects = self._subjects
        return Index(blocks, subjects and subjects.changed(removed, added))

    def of(self, descriptors: Iterable[Descriptor]) -> Index:
        """Other contents, in the order of names and digests; what is known stays as it is."""
        known = {
            id(entry.descriptor): (entry, line)
            for block in self._lined()
            for entry, line in zip(block.entries, block.lines(), strict=True)
        }
        pairs = [known.get(id(each)) or made(each) for each in descriptors]
        return Index(blocks_of(sorted(pairs, key=lambda pair: pair[0].order)))

    def read_again(self, raw: bytes) -> Index | None:
        """What a file with a line for each entry has; None for any other file."""
        if not (raw.startswith(_HEAD) and raw.endswith(_TAIL)):
            return None
        again = read_again(self._blocks, raw, len(_HEAD), len(raw) - len(_TAIL))
        if again is None:
            return None
        if not in_order(again.blocks, self._blocks):
            return Index(loose=tuple(entries_of(again.blocks)))
        subjects = None if self._loose is not None else self._subjects
        return Index(again.blocks, subjects and subjects.changed(again.gone, again.new))

    def ordered(self) -> Index:
        """The same entries as a file has them: in the order of names and digests."""
        return self if self._loose is None else Index(self._lined())

    def stands_as(self, other: Index) -> bool:
        """Whether a file of the other one has all of this already, line by line."""
        if self._loose is not None or other._loose is not None:
            return False
        return [block.raw for block in self._blocks] == [block.raw for block in other._blocks]

    def raw(self) -> bytes:
        """The file; of megabytes no copy more than it needs."""
        return joined(self._lined(), _HEAD, _TAIL)

    def _entries(self) -> Iterable[Entry]:
        return entries_of(self._blocks) if self._loose is None else self._loose

    def _lined(self) -> Blocks:
        """All entries with their lines, as a list of the caller's own."""
        if self._loose is None:
            return list(self._blocks)
        ordered = sorted(self._loose, key=ORDER)
        return blocks_of([(each, canonical(each.descriptor.json())) for each in ordered])

    def _by_subject(self) -> Subjects:
        if self._subjects is None:
            self._subjects = Subjects(self._entries())
        return self._subjects


def index_of(descriptors: Iterable[Descriptor]) -> Index:
    """What lists these, in this order."""
    return Index(loose=[entry_of(each) for each in descriptors])


# Path → what told the file apart, and what it lists. Replaced whole, so threads may share it.
_remembered: dict[Path, tuple[_Seen, Index]] = {}


def read_index(path: Path) -> Index:
    """What an index.json lists; the same object until it changes. NotFoundError, MalformedError."""
    seen = _seen(path)
    # It is only ever replaced whole: another content is another file.
    known_as, before = _remembered.get(path, (None, Index()))
    if known_as == seen:
        return before
    try:
        with path.open("rb") as file:
            # Memory for as much as there may be would cost more than to read what there is.
            size = os.fstat(file.fileno()).st_size
            raw = file.read(min(size, _MAX_INDEX) + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None
    if len(raw) > _MAX_INDEX:
        raise MalformedError(f"{path}: not an image index")
    found = before.read_again(raw)
    if found is None:
        found = index_of(map(Descriptor.from_json, _manifests(path, raw)))
    _remember(path, seen, found)
    return found


def write_index(path: Path, index: Index) -> None:
    """Replace it; the caller holds the layout's lock."""
    index = index.ordered()
    _remember(path, _told_apart(replace_file(path, index.raw())), index)


def _manifests(path: Path, raw: bytes) -> list[Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{path}: not JSON: {error}") from None
    manifests = value.get("manifests") if isinstance(value, dict) else None
    if not isinstance(manifests, list):
        raise MalformedError(f"{path}: not an image index")
    return manifests


def _seen(path: Path) -> _Seen:
    try:
        return _told_apart(path.stat())
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None


def _told_apart(found: os.stat_result) -> _Seen:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _remember(path: Path, seen: _Seen, index: Index) -> None:
    while len(_remembered) >= _REMEMBERED and path not in _remembered:
        _remembered.pop(next(iter(_remembered)), None)
    _remembered[path] = (seen, index)
