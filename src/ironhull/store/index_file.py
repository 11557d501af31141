"""index.json of an image layout by entries: what did not change is neither parsed nor written anew.

A store of thousands of images is written several times for each one that is added, by several
processes. So each entry stands on a line of its own, and whoever reads the file again, or writes
it, knows the entries by their lines. A file that was written otherwise is read as any JSON.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from ironhull.errors import MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.store.files import replace_file
from ironhull.values import dataclass

NAME = "org.opencontainers.image.ref.name"
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
    """As it stands in the file; empty where the file has no lines."""
    text: bytes = b""
    """As Ironhull writes it; empty until it is written."""


_Seen = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """A file as it was read or written."""

    seen: _Seen | None
    """What told the file apart."""
    entries: tuple[_Entry, ...]
    ordered: bool = True
    """By name and digest, as Ironhull writes it."""


# Replaced whole, so threads may share it.
_remembered: dict[Path, _Known] = {}
_NOTHING = _Known(None, ())


def read_index(path: Path) -> list[Descriptor]:
    """What an index.json lists, in its order; NotFoundError, MalformedError."""
    return [entry.descriptor for entry in _known(path).entries]


def write_index(path: Path, descriptors: Iterable[Descriptor]) -> None:
    """Replace it, in the order of names and digests; the caller holds the layout's lock."""
    before = _remembered.get(path, _NOTHING).entries
    known = {id(entry.descriptor): entry for entry in before}
    # What is new is read back, so that everyone sees it as the file has it; of thousands that are
    # known already nothing is.
    entries = [known.get(id(each)) or _new(each) for each in descriptors]
    entries.sort(key=_order)
    _write(path, entries)


def point_index(path: Path, descriptors: Iterable[Descriptor]) -> None:
    """Let each of the names that these have be this one's; the caller holds the layout's lock.

    A push changes one name of thousands. So the others are neither looked at nor made anew; what
    is left of their number is the file's size.
    """
    known = _known(path)
    entries = list(known.entries) if known.ordered else sorted(known.entries, key=_order)
    for each in descriptors:
        entry = _new(each)
        name = entry.order[0]
        start = end = bisect_left(entries, (name, ""), key=_order)
        while end < len(entries) and entries[end].order[0] == name:
            end += 1
        entries[start:end] = [entry]
    _write(path, entries)


def _write(path: Path, entries: list[_Entry]) -> None:
    texts = [entry.text for entry in entries]
    if not all(texts):
        for number, entry in enumerate(entries):
            entry.text = entry.text or canonical(entry.descriptor.json())
            texts[number] = entry.line = entry.text
    written = replace_file(path, _HEAD + _BETWEEN.join(texts) + _TAIL)
    _remember(path, _Known(_told_apart(written), tuple(entries)))


def _known(path: Path) -> _Known:
    seen = _seen(path)
    # It is only ever replaced whole: another content is another file.
    known = _remembered.get(path, _NOTHING)
    if known.seen == seen:
        return known
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_INDEX + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None
    if len(raw) > _MAX_INDEX:
        raise MalformedError(f"{path}: not an image index")
    found = _by_lines(raw, known.entries)
    if found is None:
        found = tuple(_entry(Descriptor.from_json(item)) for item in _manifests(path, raw))
    ordered = all(one.order <= other.order for one, other in pairwise(found))
    read = _Known(seen, found, ordered)
    _remember(path, read)
    return read


def _by_lines(raw: bytes, before: Iterable[_Entry]) -> tuple[_Entry, ...] | None:
    """The entries of a file with a line for each; None for any other file."""
    if not (raw.startswith(_HEAD) and raw.endswith(_TAIL)):
        return None
    known = {entry.line: entry for entry in before}
    body = raw[len(_HEAD) : -len(_TAIL)]
    found = []
    for line in body.split(_BETWEEN) if body else ():
        entry = known.get(line)
        if entry is None:
            try:
                value: Any = json.loads(line)
            except (ValueError, RecursionError):
                return None
            entry = _entry(Descriptor.from_json(value))
            entry.line = line
        found.append(entry)
    return tuple(found)


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


def _new(descriptor: Descriptor) -> _Entry:
    """The entry of what is to be written, as reading the file will give it."""
    text = canonical(descriptor.json())
    read = _entry(Descriptor.from_json(json.loads(text)))
    read.line = read.text = text
    return read


def _order(entry: _Entry) -> tuple[str, str]:
    return entry.order


def _seen(path: Path) -> _Seen:
    try:
        return _told_apart(path.stat())
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None


def _told_apart(found: os.stat_result) -> _Seen:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _remember(path: Path, known: _Known) -> None:
    while len(_remembered) >= _REMEMBERED and path not in _remembered:
        _remembered.pop(next(iter(_remembered)), None)
    _remembered[path] = known
