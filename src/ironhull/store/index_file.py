"""index.json of an image layout by entries: what did not change is neither parsed nor written anew.

A store of thousands of images is written several times for each one that is added, by several
processes. So each entry stands on a line of its own, in the order of names and digests; whoever
reads the file again, or writes it, knows the entries by their lines, and finds one by its order.
A file that was written otherwise is read as any JSON.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from ironhull.errors import MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.store.files import replace_file
from ironhull.values import dataclass

NAME = "org.opencontainers.image.ref.name"
SUBJECT = "io.ironhull.subject"
"""Annotation of an entry: the digest that it refers to, so that of thousands of images' referrers
those of one are found without opening all."""
_MAX_INDEX = 64 * 1024 * 1024
_REMEMBERED = 4
_HEAD = b'{"manifests":[\n'
# No line's end stands in JSON's texts: whatever is between two of these is one entry.
_BETWEEN = b",\n"
_TAIL = b'\n],"mediaType":' + canonical(OCI_INDEX) + b',"schemaVersion":2}'


@dataclass(slots=True)
class _Entry:
    descriptor: Descriptor
    order: tuple[str, str]
    line: bytes = b""
    """As it stands in the file, or will; empty where it was read from one without lines."""

    @property
    def subject(self) -> str:
        return self.descriptor.annotations.get(SUBJECT, "")


_ORDER = attrgetter("order")
_Seen = tuple[int, int, int]
_Groups = dict[str, tuple[_Entry, ...]]


class Index:
    """What an index.json lists at one moment; never changed, so threads may share it."""

    __slots__ = ("_groups", "_sorted", "entries")

    def __init__(
        self, entries: Sequence[_Entry], groups: _Groups | None = None, *, ordered: bool = False
    ) -> None:
        self.entries = entries
        # By what they say they refer to; made when it is first asked for.
        self._groups = groups
        orders = [] if ordered else [entry.order for entry in entries]
        self._sorted = ordered or orders == sorted(orders)

    def __iter__(self) -> Iterator[Descriptor]:
        return (entry.descriptor for entry in self.entries)

    def find(self, name: str) -> Descriptor | None:
        """The first entry of this reference name or digest."""
        found = self.named(name)
        if found is None and self._sorted:
            at = bisect_left(self.entries, ("", name), key=_ORDER)
            if at < len(self.entries) and name == self.entries[at].order[1]:
                return self.entries[at].descriptor
        # Of a digest that stands under a name alone.
        of = (each.descriptor for each in self.entries if name and name == each.order[1])
        return found or next(of, None)

    def named(self, name: str) -> Descriptor | None:
        """The first entry of this reference name."""
        if not self._sorted:
            of = (each.descriptor for each in self.entries if name and name == each.order[0])
            return next(of, None)
        at = bisect_left(self.entries, (name, ""), key=_ORDER)
        there = name and at < len(self.entries) and self.entries[at].order[0] == name
        return self.entries[at].descriptor if there else None

    def referring(self, subject: str) -> list[Descriptor]:
        """The entries that say (`SUBJECT`) that they refer to a digest; of "": that say nothing."""
        return [entry.descriptor for entry in self._by_subject().get(subject, ())]

    def subjects(self) -> list[str]:
        """All digests that entries say they refer to."""
        return [subject for subject in self._by_subject() if subject]

    def replaced(
        self, new: Iterable[Descriptor], names: Collection[str] = (), gone: Collection[str] = ()
    ) -> Index:
        """Without the entries of these names, and those without a name of these digests; with new.

        A new one that stands there already, by name and digest, is left out.
        """
        entries = list(self.entries) if self._sorted else sorted(self.entries, key=_ORDER)
        groups = None if self._groups is None else dict(self._groups)
        for name, digest in [*((name, "") for name in names), *(("", digest) for digest in gone)]:
            at = bisect_left(entries, (name, digest), key=_ORDER)
            while at < len(entries) and _is(entries[at], name, digest):
                _ungroup(groups, entries.pop(at))
        for descriptor in new:
            entry = _made(descriptor)
            at = bisect_left(entries, entry.order, key=_ORDER)
            if at == len(entries) or entries[at].order != entry.order:
                entries.insert(at, entry)
                _group(groups, entry)
        return Index(entries, groups, ordered=True)

    def of(self, descriptors: Iterable[Descriptor]) -> Index:
        """Other contents, in the order of names and digests; what is known stays as it is."""
        known = {id(entry.descriptor): entry for entry in self.entries}
        entries = [known.get(id(each)) or _made(each) for each in descriptors]
        return Index(sorted(entries, key=_ORDER), ordered=True)

    def read_again(self, raw: bytes) -> Index | None:
        """What a file with a line for each entry has; None for any other file.

        Both are walked together: of the thousands that stayed nothing is asked but the line.
        """
        if not (raw.startswith(_HEAD) and raw.endswith(_TAIL)):
            return None
        body = raw[len(_HEAD) : -len(_TAIL)]
        before, at, found = self.entries, 0, []
        groups = None if self._groups is None else dict(self._groups)
        for line in body.split(_BETWEEN) if body else ():
            if at < len(before) and before[at].line == line:
                found.append(before[at])
                at += 1
                continue
            entry = _parsed(line)
            if entry is None:
                return None
            while at < len(before) and before[at].order <= entry.order and before[at].line != line:
                _ungroup(groups, before[at])
                at += 1
            if at < len(before) and before[at].line == line:
                entry = before[at]
                at += 1
            else:
                _group(groups, entry)
            found.append(entry)
        for entry in before[at:]:
            _ungroup(groups, entry)
        return Index(found, groups)

    def raw(self) -> bytes:
        """The file; of megabytes no copy more than it needs."""
        entries = self.entries if self._sorted else sorted(self.entries, key=_ORDER)
        lines = [each.line or _written(each) for each in entries] or [b""]
        lines[0] = _HEAD + lines[0]
        lines[-1] += _TAIL
        return _BETWEEN.join(lines)

    def _by_subject(self) -> _Groups:
        if self._groups is None:
            groups: dict[str, list[_Entry]] = {}
            for entry in self.entries:
                groups.setdefault(entry.subject, []).append(entry)
            self._groups = {subject: tuple(each) for subject, each in groups.items()}
        return self._groups


def index_of(descriptors: Iterable[Descriptor]) -> Index:
    """What lists these, in this order."""
    return Index([_entry(each) for each in descriptors])


# Path → what told the file apart, and what it lists. Replaced whole, so threads may share it.
_remembered: dict[Path, tuple[_Seen, Index]] = {}


def read_index(path: Path) -> Index:
    """What an index.json lists; the same object until it changes. NotFoundError, MalformedError."""
    seen = _seen(path)
    # It is only ever replaced whole: another content is another file.
    known_as, before = _remembered.get(path, (None, Index(())))
    if known_as == seen:
        return before
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_INDEX + 1)
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


def _entry(descriptor: Descriptor) -> _Entry:
    order = descriptor.annotations.get(NAME, ""), descriptor.digest
    return _Entry(descriptor, order)


def _is(entry: _Entry, name: str, digest: str) -> bool:
    return entry.order[0] == name if name else entry.order == ("", digest)


def _written(entry: _Entry) -> bytes:
    entry.line = canonical(entry.descriptor.json())
    return entry.line


def _parsed(line: bytes) -> _Entry | None:
    """An entry as it stands in a file; None where that is no JSON."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    entry = _entry(Descriptor.from_json(value))
    entry.line = line
    return entry


def _made(descriptor: Descriptor) -> _Entry:
    """An entry that is new; read back, so that everyone sees it as the file has it."""
    line = canonical(descriptor.json())
    entry = _entry(Descriptor.from_json(json.loads(line)))
    entry.line = line
    return entry


def _group(groups: _Groups | None, entry: _Entry) -> None:
    if groups is not None:
        group = [*groups.get(entry.subject, ()), entry]
        groups[entry.subject] = tuple(sorted(group, key=_ORDER))


def _ungroup(groups: _Groups | None, entry: _Entry) -> None:
    if groups is not None:
        left = tuple(each for each in groups.get(entry.subject, ()) if each is not entry)
        groups[entry.subject] = left
        if not left:
            del groups[entry.subject]


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
