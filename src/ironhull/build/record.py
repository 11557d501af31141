"""What is remembered of a layer that was made: its digests, and every path that is in it.

The record is what later steps work on (overlaps, generated files, checks), so that a layer that
exists is never unpacked again. It is JSON in the cache, named by the key of what went into it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple

from ironhull.build.elf import Elf
from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK
from ironhull.store.files import Stamp, replace_file, stamp_of
from ironhull.values import dataclass

_MAX_RECORDS, _MAX_ENTRIES = 500, 50_000
"""That are kept in memory, over all records; an entry is some 200 bytes."""


class TreeEntry(NamedTuple):
    """One path of an image's tree, relative to its root, and what checks need to know of it."""

    path: str
    kind: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: str = ""
    """Target of a symbolic link; the linked path, relative to the root, of a hard link."""
    shebang: str = ""
    """First line of a script without `#!`."""
    elf: Elf | None = None

    @property
    def is_directory(self) -> bool:
        """A folder."""
        return self.kind == DIRECTORY

    @property
    def is_symlink(self) -> bool:
        """A symbolic link."""
        return self.kind == SYMLINK

    @property
    def is_file(self) -> bool:
        """A regular file under any of its names."""
        return self.kind in (FILE, "1")

    @property
    def executable(self) -> bool:
        """A file that somebody may execute."""
        return self.is_file and bool(self.mode & 0o111)


class Alternative(NamedTuple):
    """One `update-alternatives --install` of a maintainer script; slaves are (link, name, path)."""

    link: str
    name: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PackagePart:
    """What one binary package brought into a layer."""

    name: str
    version: str
    architecture: str
    entries: tuple[TreeEntry, ...]
    """In the order of the layer; a directory that an earlier part of the layer has is in again."""
    fields: Mapping[str, str]
    """The control file's fields."""
    shipped: int
    """How many of the entries the package itself has; what follows is our database of it."""
    md5sums: str
    """Lines of the package's md5sums, as far as the files are in the layer."""
    alternatives: tuple[Alternative, ...] = ()
    diversions: tuple[tuple[str, str], ...] = ()
    """(path, where the other package's file goes), from the preinst."""
    captured: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of files that generated files are made from."""
    conffiles: tuple[tuple[str, str], ...] = ()
    """(absolute path, MD5 of its content): configuration files, which md5sums leaves out."""
    removed_setuid: tuple[str, ...] = ()
    """Paths whose setuid or setgid bit was taken away."""


@dataclass(frozen=True, slots=True)
class MadeLayer:
    """A layer that is in the store, or was: whoever reads a record looks."""

    key: str
    descriptor: Descriptor
    diff_id: DiffId
    uncompressed: int
    """Bytes of the tar."""
    parts: tuple[PackagePart, ...]


def record_bytes(record: MadeLayer) -> bytes:
    """The record as a file has it."""
    value = {
        "descriptor": record.descriptor.json(),
        "diff_id": record.diff_id,
        "uncompressed": record.uncompressed,
        "parts": [_part_json(part) for part in record.parts],
    }
    return json.dumps(value, separators=(",", ":")).encode()


def write_record(folder: Path, record: MadeLayer) -> None:
    """Put the record where `read_record` finds it by its key."""
    replace_file(folder / f"{record.key}.json", record_bytes(record), durable=False)


def read_record(folder: Path, key: str) -> MadeLayer | None:
    """The record, or None if there is none or it was damaged: the layer is then made again."""
    path = f"{folder}/{key}.json"
    known = _read.get(path)
    try:
        if known is not None and known[0] == stamp_of(os.stat(path)):
            return known[1]
        with open(path, "rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            record = parse_record(key, file.read())
    except OSError:
        return None
    if record is not None:
        _remember(path, stamp, record)
    return record


_reading = threading.Lock()
_read: dict[str, tuple[Stamp, MadeLayer]] = {}
"""What was read last: a worker makes image after image, most of them of the same layers."""


def _remember(path: str, stamp: Stamp, record: MadeLayer) -> None:
    size = sum(len(part.entries) for part in record.parts)
    if size > _MAX_ENTRIES:
        return
    with _reading:
        kept = sum(len(part.entries) for _, one in _read.values() for part in one.parts)
        if kept + size > _MAX_ENTRIES or len(_read) >= _MAX_RECORDS:
            _read.clear()
        _read[path] = stamp, record


def parse_record(key: str, raw: bytes) -> MadeLayer | None:
    """The record in bytes that `record_bytes` gave; None for any others."""
    try:
        value = json.loads(raw)
        return MadeLayer(
            key,
            Descriptor.from_json(value["descriptor"]),
            DiffId(value["diff_id"]),
            value["uncompressed"],
            tuple(_part(part) for part in value["parts"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, InputError):
        return None


def _part_json(part: PackagePart) -> dict[str, Any]:
    return {
        "name": part.name,
        "version": part.version,
        "architecture": part.architecture,
        "entries": part.entries,
        "fields": dict(part.fields),
        "shipped": part.shipped,
        "md5sums": part.md5sums,
        "alternatives": part.alternatives,
        "diversions": part.diversions,
        "captured": {path: data.decode("latin-1") for path, data in part.captured.items()},
        "conffiles": part.conffiles,
        "removed_setuid": part.removed_setuid,
    }


def _part(value: dict[str, Any]) -> PackagePart:
    return PackagePart(
        value["name"],
        value["version"],
        value["architecture"],
        tuple(_entry(item) for item in value["entries"]),
        value["fields"],
        value["shipped"],
        value["md5sums"],
        tuple(
            Alternative._make([*item[:4], tuple((s[0], s[1], s[2]) for s in item[4])])
            for item in value["alternatives"]
        ),
        tuple((item[0], item[1]) for item in value["diversions"]),
        {path: data.encode("latin-1") for path, data in value["captured"].items()},
        tuple((item[0], item[1]) for item in value["conffiles"]),
        tuple(value["removed_setuid"]),
    )


def _entry(item: list[Any]) -> TreeEntry:
    if item[9] is None:
        return TreeEntry(*item)
    bits, machine, kind, flags, interpreter, soname, needed, rpath, dynamic = item[9]
    elf = Elf(bits, machine, kind, flags, interpreter, soname, tuple(needed), tuple(rpath), dynamic)
    return TreeEntry._make([*item[:9], elf])
