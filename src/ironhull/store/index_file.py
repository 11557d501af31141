"""index.json of an image layout by entries: what did not change is neither parsed nor written anew.

A store of thousands of images is written several times for each one that is added, by several
processes. So each entry stands on a line of its own, and whoever reads the file again, or writes
it, knows the entries by their lines. A file that was written otherwise is read as any JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
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

# Path → what told the file apart, and its entries. Replaced whole, so threads may share it.
_remembered: dict[Path, tuple[_Seen, tuple[_Entry, ...]]] = {}


def read_index(path: Path) -> list[Descriptor]:
    """What an index.json lists, in its order; NotFoundError, MalformedError."""
    return [entry.descriptor for entry in _entries(path)]


def write_index(path: Path, descriptors: Iterable[Descriptor]) -> None:
    """Replace it, in the order of names and digests; the caller holds the layout's lock."""
    _, before = _remembered.get(path, (None, ()))
    known = {id(entry.descriptor): entry for entry in before}
    entries = [known.get(id(each)) or _entry(each) for each in descriptors]
    entries.sort(key=lambda entry: entry.order)
    for entry in entries:
        entry.text = entry.text or canonical(entry.descriptor.json())
        entry.line = entry.text
    written = replace_file(path, _HEAD + _BETWEEN.join([each.text for each in entries]) + _TAIL)
    # What is new is read back, so that everyone sees it as the file has it; of thousands that are
    # known already nothing is.
    entries = [each if id(each.descriptor) in known else _read_back(each) for each in entries]
    _remember(path, _told_apart(written), tuple(entries))


def _entries(path: Path) -> tuple[_Entry, ...]:
    seen = _seen(path)
    # It is only ever replaced whole: another content is another file.
    known_as, before = _remembered.get(path, (None, ()))
    if known_as == seen:
        return before
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_INDEX + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None
    if len(raw) > _MAX_INDEX:
        raise MalformedError(f"{path}: not an image index")
    found = _by_lines(raw, before)
    if found is None:
        found = tuple(_entry(Descriptor.from_json(item)) for item in _manifests(path, raw))
    _remember(path, seen, found)
    return found


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


def _read_back(entry: _Entry) -> _Entry:
    read = _entry(Descriptor.from_json(json.loads(entry.text)))
    read.line = read.text = entry.text
    return read


def _seen(path: Path) -> _Seen:
    try:
        return _told_apart(path.stat())
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent} has no index.json") from None


def _told_apart(found: os.stat_result) -> _Seen:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _remember(path: Path, seen: _Seen, entries: tuple[_Entry, ...]) -> None:
    while len(_remembered) >= _REMEMBERED and path not in _remembered:
        _remembered.pop(next(iter(_remembered)), None)
    _remembered[path] = (seen, entries)
