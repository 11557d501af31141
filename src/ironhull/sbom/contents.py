"""What the files of one layer are: digests, control stanzas, licences; cached by layer digest.

An inventory looks into those files that tell of packages; this looks at every byte of every file,
once ever. Entries have the numbers that they have in the layer's record (`inventory.record`), and
the digests come in the order of those entries that are regular files.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from threading import Lock

import msgspec
import zstandard

from ironhull.errors import MalformedError
from ironhull.inventory.cataloguers.interface import Content
from ironhull.inventory.record import FILE, LIBRARY, PROGRAM, LayerRecord
from ironhull.inventory.record import FORMAT as RECORD
from ironhull.oci.tar import Member
from ironhull.sbom import control
from ironhull.sbom.control import Control
from ironhull.sbom.copyright import MAX_FILE as MAX_COPYRIGHT
from ironhull.sbom.copyright import licence_of
from ironhull.sbom.model import BillFile, Licence
from ironhull.store.files import replace_file
from ironhull.values import dataclass

FORMAT: str = f"2-{RECORD}"
"""Contents of another form, or made beside other records, are made again."""
_KEPT_BYTES = 16 << 20
_EXPANDED, _FILE = 4, 600
"""Bytes of memory for a byte that is kept, and for a file beside it."""
_SHA1, _SHA256 = 20, 32
EACH = _SHA1 + _SHA256
"""Bytes of both digests of a file."""
_COPYRIGHT = re.compile(r"/usr/share/doc/([^/]+)/copyright")
_MAX_RECORD = 1 << 30
MAX_HASHED = 1 << 36
"""Bytes of all files of a layer; holes of sparse files count too."""


class _Seen:
    """A Content that is hashed while it is read, and keeps what is wanted whole."""

    def __init__(self, content: Content, limit: int) -> None:
        self._content = content
        self._sha1, self._sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        self.data = content.read(limit) if limit else None
        if self.data is not None:
            self._update(self.data)

    def _update(self, piece: bytes) -> None:
        self._sha1.update(piece)
        self._sha256.update(piece)

    def head(self, size: int) -> bytes:
        """As `Content.head`."""
        return self._content.head(size) if self.data is None else self.data[:size]

    def read(self, limit: int) -> bytes | None:
        """As `Content.read`."""
        if self.data is not None:
            return self.data if len(self.data) <= limit else None
        data = self._content.read(limit)
        if data is not None:
            self._update(data)
        return data

    def content(self) -> Iterator[bytes]:
        """As `Content.content`."""
        if self.data is not None:
            yield self.data
            return
        for piece in self._content.content():
            self._update(piece)
            yield piece

    def digests(self) -> bytes:
        """SHA-1 and SHA-256, when what nobody read was read too."""
        if self.data is None:
            for piece in self._content.content():
                self._update(piece)
        return self._sha1.digest() + self._sha256.digest()


@dataclass(slots=True)
class LayerContents:
    """What was found in one layer."""

    digests: bytearray = field(default_factory=bytearray)
    """SHA-1 and SHA-256 of each regular file."""
    controls: dict[int, list[Control]] = field(default_factory=dict)
    """Entry → stanzas of a package database."""
    licences: dict[int, Licence] = field(default_factory=dict)
    """Entry → what a copyright file says."""
    hashed: int = 0
    _files: dict[int, BillFile] | None = field(default=None, compare=False, repr=False)

    def add(self, entry: int, path: str, member: Member, content: Content) -> None:
        """One regular file; the files come in the order of their entries."""
        self.end(entry, path, self.begin(path, member, content))

    def begin(self, path: str, member: Member, content: Content) -> _Seen:
        """The content for whoever else wants to read it; `end` follows."""
        self.hashed += member.size
        if self.hashed > MAX_HASHED:
            raise MalformedError(f"the files of a layer have more than {MAX_HASHED} bytes")
        return _Seen(content, _limit(path))

    def end(self, entry: int, path: str, seen: _Seen) -> None:
        """The file was read as far as anybody wanted."""
        self.digests += seen.digests()
        data = seen.data
        if data is None:
            return
        if _COPYRIGHT.fullmatch(path):
            self.licences[entry] = licence_of(data, path)
        else:
            self.controls[entry] = control.stanzas(data)

    def files(self, record: LayerRecord) -> Mapping[int, BillFile]:
        """Entry → the regular file that it is, by its path in the layer; made once.

        `record` is the layer's, whatever image it is of. MalformedError if it is of another layer.
        """
        if self._files is None:
            self._files = _files(record, self.digests.hex())
        return self._files


def _files(record: LayerRecord, digests: str) -> dict[int, BillFile]:
    kinds = [item.kind == FILE for item in record.attributes]
    binary = [item.form in (PROGRAM, LIBRARY) for item in record.attributes]
    entries = [entry for entry, item in enumerate(record.attribute_ids) if kinds[item]]
    if len(entries) * 2 * EACH != len(digests):
        raise MalformedError("digests of files that are not those of the layer")
    names, sizes, ids = list(record.names), record.sizes, record.attribute_ids
    return {
        entry: BillFile(
            names[entry],
            sizes[entry],
            digests[at : at + 2 * _SHA1],
            digests[at + 2 * _SHA1 : at + 2 * EACH],
            binary[ids[entry]],
        )
        for entry, at in zip(entries, range(0, len(digests), 2 * EACH), strict=True)
    }


def _limit(path: str) -> int:
    """How many bytes of a file are kept to be read; 0: none."""
    if _COPYRIGHT.fullmatch(path):
        return MAX_COPYRIGHT
    return control.MAX_FILE if control.is_database(path) else 0


class _Kept(msgspec.Struct):
    format: str
    digests: bytes
    controls: dict[int, list[Control]]
    licences: dict[int, Licence]


# Made when this is loaded: what msgspec first learns of a type in several threads at once ends the
# process.
_KEPT = msgspec.msgpack.Decoder(_Kept)


class _Recent:
    """Contents that this process has read last: the images of a fleet have layers in common."""

    def __init__(self, most: int) -> None:
        self._most, self._free = most, most
        self._kept: OrderedDict[Hashable, tuple[LayerContents, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> LayerContents | None:
        """None: not kept, or no more."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, contents: LayerContents, size: int) -> None:
        """Keep what is of that size, and of the others as many as are of `most` with it."""
        if size > self._most // 4:
            return
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = contents, size
            self._free -= size
            while self._free < 0:
                self._free += self._kept.popitem(last=False)[1][1]

    @property
    def size(self) -> int:
        """Of all that is kept."""
        return self._most - self._free


_RECENT = _Recent(_KEPT_BYTES)


class ContentsCache:
    """Contents of layers below one folder: <hex>.zst each, written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, digest: str) -> LayerContents | None:
        """What is kept of a layer, for reading; None if nothing, or something damaged or old."""
        path = self._path(digest)
        try:
            found = path.stat()
        except OSError:
            return None
        key = (path, found.st_ino, found.st_mtime_ns, found.st_size)
        known = _RECENT.get(key)
        if known is None:
            read = self._read(path)
            if read is None:
                return None
            known, size = read
            _RECENT.put(key, known, size)
        return known

    @staticmethod
    def _read(path: Path) -> tuple[LayerContents, int] | None:
        """What is kept, and about how many bytes of memory it takes."""
        try:
            packed = path.read_bytes()
            data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MAX_RECORD)
            kept = _KEPT.decode(data)
        except (OSError, zstandard.ZstdError, msgspec.MsgspecError, RecursionError):
            return None
        if kept.format != FORMAT:
            return None
        contents = LayerContents(bytearray(kept.digests), kept.controls, kept.licences)
        return contents, _EXPANDED * len(data) + _FILE * (len(kept.digests) // EACH)

    def put(self, digest: str, contents: LayerContents) -> None:
        """Keep the contents of a layer whose digests were verified."""
        kept = _Kept(FORMAT, bytes(contents.digests), contents.controls, contents.licences)
        compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
        # It can be made again: nobody waits for the disk.
        packed = compressor.compress(msgspec.msgpack.encode(kept))
        replace_file(self._path(digest), packed, durable=False)

    def _path(self, digest: str) -> Path:
        return self.root / f"{digest.removeprefix('sha256:')}.zst"
