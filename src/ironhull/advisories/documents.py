"""Documents of a feed: a file, a folder, a zip, or what a server sends. Everything is bounded.

What leaves here is opened one at a time; a bulk zip is never in memory as a whole.
"""

from __future__ import annotations

import gzip
import lzma
import os
import struct
import zipfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from ironhull.advisories.interface import Document, malformed
from ironhull.advisories.zip_directory import Entry, PlainZip, plain_entries
from ironhull.errors import InputError

MAX_DOCUMENT = 512 << 20
MAX_MEMBER = 32 << 20
MAX_MEMBERS = 2_000_000
MAX_TOTAL = 16 << 30
MAX_DEPTH = 4

# Signature, flags, sizes of name and extra field (APPNOTE 4.3.7).
_HEADER = struct.Struct("<4s2xH18xHH")
_LOCAL = b"PK\3\4"
_UTF8 = 1 << 11
_PLAIN = _UTF8 | 1 << 3 | 1 << 2 | 1 << 1
"""Flags that leave a member as simple as it was: sizes behind it, and how hard it was packed."""
_EXTRA = 64
"""Bytes of a local extra field that are read along; writers of times and owners need 28."""

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
"""What reading a damaged or cut archive raises."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A file on disk, unpacked on the fly where its name ends in .gz or .xz."""

    path: Path
    limit: int = MAX_DOCUMENT

    @property
    def name(self) -> str:
        """As `Document.name`."""
        return self.path.name

    def open(self) -> IO[bytes]:
        """As `Document.open`; gzip is taken off."""
        try:
            if self.path.suffix == ".gz":
                return cast("IO[bytes]", gzip.open(self.path, "rb"))
            if self.path.suffix == ".xz":
                return cast("IO[bytes]", lzma.open(self.path, "rb"))
            return self.path.open("rb")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from None

    def read(self) -> bytes:
        """As `Document.read`."""
        with self.open() as file:
            return _bounded(file, self.limit, self.name)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a zip."""

    archive: zipfile.ZipFile | PlainZip
    entry: zipfile.ZipInfo | Entry

    @property
    def name(self) -> str:
        """As `Document.name`, without the folders of the archive."""
        return self.entry.filename.rpartition("/")[2]

    def open(self) -> IO[bytes]:
        """As `Document.open`."""
        if self.entry.flag_bits & 1:
            raise malformed(self.name, "is encrypted")
        # zipfile unpacks all other methods without a bound: some kilobytes may be gigabytes.
        if self.entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise malformed(self.name, "is neither stored nor deflated")
        try:
            return self.archive.open(self.entry)  # type: ignore[arg-type]
        except (*DAMAGED, NotImplementedError) as error:
            raise malformed(self.name, f"damaged zip member: {error}") from None

    def read(self) -> bytes:
        """As `Document.read`."""
        data = self._at_once()
        if data is not None:
            return data.removeprefix(BOM_UTF8)
        with self.open() as file:
            return _bounded(file, MAX_MEMBER, self.name)

    def _at_once(self) -> bytes | None:
        """The content of a plain member that is all that it says; None leaves the rest to zipfile.

        zipfile makes four objects and a dozen calls a member, which for many small ones take
        longer than unpacking.
        """
        entry, file = self.entry, self.archive.fp
        if entry.compress_type != zipfile.ZIP_DEFLATED or file is None:
            return None
        if entry.flag_bits & ~_PLAIN or max(entry.file_size, entry.compress_size) > MAX_MEMBER:
            return None
        # In both, ASCII is itself; a table of characters is looked through in Python.
        plain = entry.flag_bits & _UTF8 or entry.orig_filename.isascii()
        code = "utf-8" if plain else "cp437"
        name = entry.orig_filename.encode(code, "replace")
        size = _HEADER.size + len(name) + _EXTRA + entry.compress_size
        raw = os.pread(file.fileno(), size, entry.header_offset)
        if len(raw) < _HEADER.size:
            return None
        signature, flags, name_size, extra_size = _HEADER.unpack_from(raw)
        start = _HEADER.size + name_size + extra_size
        packed = raw[start : start + entry.compress_size]
        if signature != _LOCAL or flags & ~_PLAIN or len(packed) < entry.compress_size:
            return None
        if raw[_HEADER.size : _HEADER.size + name_size] != name:
            return None
        # Half the time of zlib, a tenth of an import. Who only reads the database does without.
        from isal import isal_zlib

        stream = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
        try:
            data = stream.decompress(packed, entry.file_size + 1)
        except isal_zlib.error:  # type: ignore[misc] # its stub has a value there
            return None
        is_whole = len(data) == entry.file_size and isal_zlib.crc32(data) == entry.CRC
        return data if is_whole and data else None


@contextmanager
def members(place: Path, wants: Callable[[str], bool]) -> Iterator[list[Member]]:
    """All documents of a zip, for as long as the block lasts."""
    try:
        entries_of_plain = plain_entries(place)
        archive: zipfile.ZipFile | PlainZip
        if entries_of_plain is not None:
            archive = PlainZip(place, entries_of_plain)
        else:
            archive = zipfile.ZipFile(place)
    except (*DAMAGED, ValueError) as error:
        raise malformed(place.name, f"not a zip: {error}") from None
    with closing(archive):
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS:
            raise malformed(place.name, f"{len(entries)} members; at most {MAX_MEMBERS}")
        total = sum(entry.file_size for entry in entries)
        if total > MAX_TOTAL:
            raise malformed(place.name, f"unpacks to {total} bytes; at most {MAX_TOTAL}")
        found = (Member(archive, entry) for entry in entries if not entry.is_dir())
        yield [member for member in found if wants(member.name)]


def documents(place: Path, wants: Callable[[str], bool]) -> Iterator[Document]:
    """All documents at `place` in the order of their names.

    In folders and zips only those that the feed wants; links in folders are not followed.
    """
    if place.is_dir():
        for path in _files(place, MAX_DEPTH):
            if path.suffix == ".zip":
                yield from _of_zip(path, wants)
            elif wants(path.name):
                yield Plain(path)
    elif not place.is_file():
        raise InputError(f"{place} is neither a file nor a folder")
    elif place.suffix == ".zip":
        yield from _of_zip(place, wants)
    else:
        yield Plain(place)


def _of_zip(place: Path, wants: Callable[[str], bool]) -> Iterator[Document]:
    with members(place, wants) as found:
        yield from found


def _files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from None
    for path in entries:
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and depth:
            yield from _files(path, depth - 1)


def _bounded(file: IO[bytes] | BufferedReader, limit: int, name: str) -> bytes:
    try:
        data = file.read(limit + 1)
    except DAMAGED as error:
        raise malformed(name, f"damaged: {error}") from None
    if len(data) > limit:
        raise malformed(name, f"larger than {limit} bytes")
    # Editors of one system write a byte order mark, which no JSON has.
    return data.removeprefix(BOM_UTF8)
