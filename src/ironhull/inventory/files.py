"""One file of an image → what it says: which reader a name has, and what that finds.

A name decides who reads a file; what a program or a key looks like, its first bytes and its text
do. The same file may be read under several names, if it has several.
"""

from __future__ import annotations

import os
import re
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO, cast

from ironhull.inventory import record as rec
from ironhull.inventory import secrets
from ironhull.inventory.cataloguers import programs
from ironhull.inventory.cataloguers.elf import MAGIC, is_program
from ironhull.inventory.cataloguers.interface import (
    Content,
    FileCataloguer,
    Findings,
    TextCataloguer,
    UnreadableError,
)
from ironhull.inventory.cataloguers.table import (
    BASES,
    DIRECTORIES,
    EXTENSIONS,
    file_cataloguer,
    text_cataloguer,
)
from ironhull.inventory.model import Remark
from ironhull.inventory.record import LayerRecord
from ironhull.oci.tar_sparse import HOLE

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
DEBIAN_VERSION = "/etc/debian_version"
PASSWD, GROUP = "/etc/passwd", "/etc/group"
APK_DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
TEXTS: frozenset[str] = frozenset({*OS_RELEASE, DEBIAN_VERSION, PASSWD, GROUP, *APK_DATABASES})
"""Files whose text is needed when the layers are put together."""
DPKG = "/var/lib/dpkg/"
_PAPERS, _COPYRIGHT = "/usr/share/doc/", "copyright"
_TEXT, _LICENSE = "text", "license"
_MAX_TEXT = 16 << 20
_MAX_TEXTS = 512 << 20
_MAX_REMARKS = 1000
_IN_MEMORY = 4 << 20
_STEP = 1 << 18
_LICENSES = re.compile(rb"^License:[ \t]*(\S[^\r\n]*)", re.MULTILINE)
_NAMED = BASES | {path.rpartition("/")[2] for path in TEXTS} | {_COPYRIGHT}

Reader = TextCataloguer | FileCataloguer | str


def reader_of(path: str) -> Reader | None:
    """Who reads files of this name, whatever they hold; None: only programs and keys count."""
    cut = path.rfind("/")
    base = path[cut + 1 :]
    if (
        base not in _NAMED
        and base[base.rfind(".") + 1 :].lower() not in EXTENSIONS
        and path[:cut] not in DIRECTORIES
        and not path.startswith(DPKG)
    ):
        return None
    if (catalogued := text_cataloguer(path)) is not None:
        return catalogued
    if path in TEXTS or _is_file_list(path):
        return _TEXT
    if base == _COPYRIGHT and path.startswith(_PAPERS):
        return _LICENSE
    return file_cataloguer(path)


class FileReader:
    """Reads files into a record; all of them together are bounded."""

    def __init__(self, record: LayerRecord) -> None:
        self.record = record
        self._texts = 0
        self._remarks = 0

    def read(self, entry: int, path: str, size: int, content: Content) -> str:
        """Keep what a file of `size` bytes, not none, says; gives its form.

        No more of the content is read than somebody wants.
        """
        try:
            return self._read(entry, path, size, content)
        except UnreadableError as error:
            self.remark(entry, path, str(error))
            return rec.PLAIN

    def _read(self, entry: int, path: str, size: int, content: Content) -> str:
        head = content.head(18)
        reader = reader_of(path)
        if head.startswith(MAGIC) and not isinstance(reader, FileCataloguer):
            return self._program(entry, path, content, head)
        match reader:
            case None:
                if size <= secrets.LIMIT:
                    self._search(entry, path, size, content)
                return rec.SCRIPT if head.startswith(b"#!") else rec.PLAIN
            case TextCataloguer():
                self._catalogue(entry, path, size, content, reader)
            case FileCataloguer():
                self._archive(entry, path, size, content, reader, head)
                return _form(path, head)
            case _:
                self._special(entry, path, content, reader)
        return rec.PLAIN

    def _program(self, entry: int, path: str, content: Content, head: bytes) -> str:
        if is_program(head):
            with _opened(content) as file:
                self._found(entry, programs.read(path, file))
        return _form(path, head)

    def _catalogue(
        self, entry: int, path: str, size: int, content: Content, reader: TextCataloguer
    ) -> None:
        data = content.read(reader.limit)
        if data is None:
            self.remark(entry, path, f"{size} bytes (limit {reader.limit}); not read")
            return
        self._found(entry, reader.read(path, data))
        if path in TEXTS:
            self._text(entry, path, data)

    def _archive(
        self,
        entry: int,
        path: str,
        size: int,
        content: Content,
        reader: FileCataloguer,
        head: bytes,
    ) -> None:
        if size > reader.limit:
            self.remark(entry, path, f"{size} bytes (limit {reader.limit}); not read")
            return
        with _opened(content) as file:
            self._found(entry, reader.read(path, file))
            if is_program(head):
                file.seek(0)
                self._found(entry, programs.read(path, file))

    def _special(self, entry: int, path: str, content: Content, what: str) -> None:
        if what == _TEXT:
            data = content.read(_MAX_TEXT)
            if data is None:
                self.remark(entry, path, f"more than {_MAX_TEXT} bytes; not read")
            else:
                self._text(entry, path, data)
            return
        data = content.read(secrets.LIMIT)
        if data is not None and data[:7] == b"Format:":
            said = {text.decode("utf-8", "replace").strip() for text in _LICENSES.findall(data)}
            self.record.licenses[entry] = sorted(said)

    def _search(self, entry: int, path: str, size: int, content: Content) -> None:
        if size < secrets.LEAST and not secrets.is_named(path):
            return
        data = content.read(secrets.LIMIT)
        if data is not None:
            detail = secrets.in_file(path, data)
            if detail:
                self.record.secrets[entry] = detail

    def _text(self, entry: int, path: str, data: bytes) -> None:
        self._texts += len(data)
        if self._texts > _MAX_TEXTS:
            self.remark(entry, path, f"more than {_MAX_TEXTS} bytes of package lists; not read")
            return
        self.record.texts[entry] = data.removeprefix(BOM_UTF8).decode("utf-8", "backslashreplace")

    def _found(self, entry: int, findings: Findings) -> None:
        if findings.packages:
            self.record.packages.setdefault(entry, []).extend(findings.packages)
        for remark in findings.remarks:
            self._note(entry, remark)

    def remark(self, entry: int, location: str, message: str) -> None:
        """Say that something was not read, so that a package may be missing."""
        self._note(entry, Remark("unparsed", location, message))

    def _note(self, entry: int, remark: Remark) -> None:
        """Keep a remark; past a thousand only that there are more, or remarks become the attack."""
        self._remarks += 1
        if self._remarks == _MAX_REMARKS:
            remark = Remark("unparsed", remark.location, "and more remarks, left out")
            entry = rec.NOWHERE
        if self._remarks <= _MAX_REMARKS:
            self.record.remarks.append((entry, remark))


def _form(path: str, head: bytes) -> str:
    """What the first bytes say a file is."""
    if head[:4] == MAGIC:
        base = path[path.rfind("/") + 1 :]
        return rec.LIBRARY if base.endswith(".so") or ".so." in base else rec.PROGRAM
    return rec.SCRIPT if head[:2] == b"#!" else rec.PLAIN


def _is_file_list(path: str) -> bool:
    return (path.startswith(f"{DPKG}info/") and path.endswith(".list")) or (
        path.startswith(f"{DPKG}status.d/") and path.endswith(".md5sums")
    )


@contextmanager
def kept(content: Content, size: int) -> Iterator[Callable[[], Content]]:
    """The content of a file of `size` bytes, again and again as long as the block lasts."""
    with _opened(content) as file:
        yield lambda: _Kept(file, size)


class _Kept:
    """A Content that is there whole."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def head(self, size: int) -> bytes:
        self._file.seek(0)
        return self._file.read(size)

    def read(self, limit: int) -> bytes | None:
        return None if self._size > limit else b"".join(self.content())

    def content(self) -> Iterator[bytes]:
        self._file.seek(0)
        while data := self._file.read(_STEP):
            yield data


@contextmanager
def _opened(content: Content) -> Iterator[BinaryIO]:
    """The content as a file that can be sought: in memory if small, else on disk without a name."""
    data = content.read(_IN_MEMORY)
    if data is not None:
        yield BytesIO(data)
        return
    with tempfile.TemporaryFile() as copy:
        for chunk in content.content():
            if chunk is HOLE:
                copy.seek(len(chunk), os.SEEK_CUR)
            else:
                copy.write(chunk)
        copy.truncate()
        copy.seek(0)
        yield cast(BinaryIO, copy)
