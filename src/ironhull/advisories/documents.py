"""Documents of a feed: a file, a folder, a zip, or what a server sends. Everything is bounded.

What leaves here is opened one at a time; a bulk zip is never in memory as a whole.
"""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from ironhull.advisories.interface import Document, malformed
from ironhull.errors import InputError

MAX_DOCUMENT = 512 << 20
MAX_MEMBER = 32 << 20
MAX_MEMBERS = 2_000_000
MAX_TOTAL = 16 << 30
MAX_DEPTH = 4

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

    archive: zipfile.ZipFile
    entry: zipfile.ZipInfo

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
            return self.archive.open(self.entry)
        except (*DAMAGED, NotImplementedError) as error:
            raise malformed(self.name, f"damaged zip member: {error}") from None

    def read(self) -> bytes:
        """As `Document.read`."""
        with self.open() as file:
            return _bounded(file, MAX_MEMBER, self.name)


def documents(place: Path, wants: Callable[[str], bool]) -> Iterator[Document]:
    """All documents at `place` in the order of their names.

    In folders and zips only those that the feed wants; links in folders are not followed.
    """
    if place.is_dir():
        for path in _files(place, MAX_DEPTH):
            if path.suffix == ".zip":
                yield from _members(path, wants)
            elif wants(path.name):
                yield Plain(path)
    elif not place.is_file():
        raise InputError(f"{place} is neither a file nor a folder")
    elif place.suffix == ".zip":
        yield from _members(place, wants)
    else:
        yield Plain(place)


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


def _members(place: Path, wants: Callable[[str], bool]) -> Iterator[Document]:
    try:
        archive = zipfile.ZipFile(place)
    except (*DAMAGED, ValueError) as error:
        raise malformed(place.name, f"not a zip: {error}") from None
    with archive:
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS:
            raise malformed(place.name, f"{len(entries)} members; at most {MAX_MEMBERS}")
        total = sum(entry.file_size for entry in entries)
        if total > MAX_TOTAL:
            raise malformed(place.name, f"unpacks to {total} bytes; at most {MAX_TOTAL}")
        for entry in entries:
            member = Member(archive, entry)
            if not entry.is_dir() and wants(member.name):
                yield member


def _bounded(file: IO[bytes] | BufferedReader, limit: int, name: str) -> bytes:
    try:
        data = file.read(limit + 1)
    except DAMAGED as error:
        raise malformed(name, f"damaged: {error}") from None
    if len(data) > limit:
        raise malformed(name, f"larger than {limit} bytes")
    # Editors of one system write a byte order mark, which no JSON has.
    return data.removeprefix(BOM_UTF8)
