"""Members of a zip archive, read like those of a tar: in order, each one's content once.

Unix modes and symbolic links are what Info-ZIP writes into the external attributes; where there are
none, files are 0644 and folders 0755. Bounded in members and in bytes as they are unpacked, which
are counted, never believed.
"""

from __future__ import annotations

import calendar
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO

from ironhull.errors import MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK, Member
from ironhull.store.blobs import CHUNK

_MAX_LINK = 4096
_MAX_DIRECTORY = 64 << 20
# zipfile unpacks all other methods without a bound: some kilobytes of bzip2 may be gigabytes.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
            ValueError)  # fmt: skip


class ZipReader:
    """Members of a zip; MalformedError if it is damaged, encrypted or passes a limit."""

    def __init__(self, file: BinaryIO, where: str, members: int, size: int) -> None:
        self._where = where
        self._left = size
        try:
            self._zip = zipfile.ZipFile(_Careful(file, where))
        except _DAMAGED as error:
            raise MalformedError(f"{where}: damaged archive ({error})") from None
        if len(self._zip.infolist()) > members:
            raise MalformedError(f"{where}: more than {members} members")
        self._now: zipfile.ZipInfo | None = None

    def __iter__(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            self._now = info
            unix = info.external_attr >> 16 if info.create_system == _UNIX else 0
            kind, link = FILE, ""
            if info.is_dir():
                kind = DIRECTORY
            elif stat.S_ISLNK(unix):
                kind, link = SYMLINK, self._link()
            elif stat.S_IFMT(unix) not in (0, stat.S_IFREG):
                kind = "6"
            mode = stat.S_IMODE(unix) or (0o755 if kind == DIRECTORY else 0o644)
            size = info.file_size if kind == FILE else 0
            yield Member(info.filename, kind, mode, 0, 0, size, _time(info), link)

    def head(self, size: int) -> bytes:
        """How the content of the member begins, which stays unread."""
        if self._now is None or size == 0:
            return b""
        with self._opened(self._now) as file:
            return self._read(file, size)

    def content(self) -> Iterator[bytes]:
        """The member's content, exactly as many bytes as it says."""
        if self._now is None or self._now.is_dir():
            return
        size = 0
        with self._opened(self._now) as file:
            while data := self._read(file, CHUNK):
                size += len(data)
                self._left -= len(data)
                if self._left < 0:
                    raise MalformedError(f"{self._where}: unpacks to too many bytes")
                yield data
        if size != self._now.file_size:
            raise MalformedError(f"{self._where}: {self._now.filename!r:.200} has another size")

    def drain(self) -> None:
        """As of a tar: nothing is left."""

    def _link(self) -> str:
        if self._now is None or self._now.file_size > _MAX_LINK:
            raise MalformedError(f"{self._where}: a link that is too long")
        return b"".join(self.content()).decode("utf-8", "surrogateescape")

    def _opened(self, info: zipfile.ZipInfo) -> IO[bytes]:
        if info.compress_type not in _BOUNDED:
            raise MalformedError(
                f"{self._where}: {info.filename!r:.200} has the method {info.compress_type} of "
                "compression (expected: stored or deflated; pack it again with: zip)"
            )
        try:
            return self._zip.open(info)
        except _DAMAGED as error:
            raise self._damaged(error) from None

    def _read(self, file: IO[bytes], size: int) -> bytes:
        try:
            return file.read(size)
        except _DAMAGED as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> MalformedError:
        name = self._now.filename if self._now else ""
        return MalformedError(f"{self._where}: {name!r:.200} cannot be read ({error})")


class _Careful(io.RawIOBase):
    """The file for zipfile, which reads a whole directory at once, however large it says to be."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        super().__init__()
        self._file, self._where = file, where

    def read(self, size: int = -1, /) -> bytes:
        if size > _MAX_DIRECTORY:
            raise MalformedError(f"{self._where}: a directory of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _time(info: zipfile.ZipInfo) -> int:
    """Seconds since 1970; 0 for what is no date: many write none, to have the same bytes again."""
    try:
        return calendar.timegm((*info.date_time, 0, 0, 0))
    except ValueError:
        return 0
