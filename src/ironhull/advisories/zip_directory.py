"""The directory of a plain zip, read in a third of zipfile's time (APPNOTE 4.3.12, 4.3.16).

zipfile makes an object with dates and extra fields of each member before the first can be read,
which for an export of tens of thousands takes as long as a tenth of the import. Of anything unusual
(a comment, zip64, extra fields, names twice or not of ASCII) nothing is said: that is zipfile's.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s2xBx2H4x3L4H6xL")
_END_SIGNATURE, _ENTRY_SIGNATURE, _ZIP64 = b"PK\5\6", b"PK\1\2", b"PK\6\7"
_LOCATOR = 20
"""Bytes in front of the end where zip64 would say where its own end is."""
_NEWEST = 63
"""The version of the format that zipfile reads."""
_MOST = 4096
"""Bytes of the directory for a member of a plain name."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LARGEST = 0xFFFFFFFF
_new = tuple.__new__


class Entry(NamedTuple):
    """What `zipfile.ZipInfo` says of a member, under the same names."""

    filename: str
    flag_bits: int
    compress_type: int
    CRC: int
    compress_size: int
    file_size: int
    header_offset: int

    @property
    def orig_filename(self) -> str:
        """As `ZipInfo.orig_filename`."""
        return self.filename

    def is_dir(self) -> bool:
        """As `ZipInfo.is_dir`."""
        return self.filename.endswith("/")


class PlainZip:
    """A plain zip, open; zipfile reads it too when a member asks for that."""

    def __init__(self, path: Path, entries: list[Entry]) -> None:
        self.filename = str(path)
        self.fp: BinaryIO | None = path.open("rb")
        self.entries = entries
        self._whole: zipfile.ZipFile | None = None

    def infolist(self) -> list[Entry]:
        """As `ZipFile.infolist`."""
        return self.entries

    def open(self, entry: Entry) -> IO[bytes]:
        """As `ZipFile.open`, with its errors."""
        if self._whole is None:
            self._whole = zipfile.ZipFile(self.filename)
        return self._whole.open(entry.filename)

    def close(self) -> None:
        """Let the file go."""
        for file in (self.fp, self._whole):
            if file is not None:
                file.close()


def plain_entries(path: Path) -> list[Entry] | None:
    """All members of a plain zip, as zipfile would list them; None if it is not plain, or no zip.

    OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = size - _END.size
        if start < 0:
            return None
        file.seek(max(0, start - _LOCATOR))
        tail = file.read()
        (
            signature, disk, first_disk, here, count, directory, offset, comment
        ) = _END.unpack(tail[-_END.size :])  # fmt: skip
        if signature != _END_SIGNATURE or comment or disk or first_disk or here != count:
            return None
        if offset + directory != start or tail.startswith(_ZIP64) or directory > count * _MOST:
            return None
        file.seek(offset)
        return _entries(file.read(directory), count)


def _entries(data: bytes, count: int) -> list[Entry] | None:
    found: list[Entry] = []
    at, end, of_fields, unpack = 0, len(data), _ENTRY.size, _ENTRY.unpack_from
    for _ in range(count):
        if at + of_fields > end:
            return None
        (
            signature, needs, flags, method, checksum, packed, size,
            name_size, extra, comment, disk, offset,
        ) = unpack(data, at)  # fmt: skip
        at += of_fields + name_size
        name = data[at - name_size : at]
        if signature != _ENTRY_SIGNATURE or extra or comment or disk or needs > _NEWEST:
            return None
        if method not in _METHODS or _LARGEST in (packed, size, offset) or not name.isascii():
            return None
        # As the fields stand; their names would take twice as long.
        values = (name.decode("ascii"), flags, method, checksum, packed, size, offset)
        found.append(_new(Entry, values))
    names = {entry.filename for entry in found}
    if at != end or len(names) != count or "\0" in "".join(names):
        return None
    return found
