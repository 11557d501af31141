"""A .deb file as a stream (deb(5)): an ar archive of debian-binary, control.tar.*, data.tar.*.

Nothing is executed and nothing touches the disk; the caller reads control data whole (it is small,
and bounded) and walks the data archive member by member.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import zstandard

from ironhull.errors import MalformedError
from ironhull.oci.tar import FILE, TarLimits, TarReader

CHUNK = 1 << 18
MAX_CONTROL = 16 << 20
MAX_DATA_MEMBERS = 500_000
# What dpkg-gencontrol writes is the sum of the files; four times that, and some, is a bomb.
_EXPANSION = 4
_ALLOWANCE = 64 << 20
MAX_UNPACKED = 32 << 30
"""Bytes of a data archive, whatever Installed-Size says."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the control archive holds: its files by name, and the fields of `control` in order."""

    fields: Mapping[str, str]
    """Field values as in the file; continuation lines keep their leading space."""
    files: Mapping[str, bytes]
    """`control`, `md5sums`, `conffiles`, `postinst`, `triggers`, …"""


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    def inflate(self, data: bytes, limit: int) -> bytes: ...

    def hungry(self) -> bool: ...

    def rest(self) -> bytes:
        """What was given and comes after the end."""
        ...


class _Xz:
    def __init__(self) -> None:
        self._lzma = lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=256 << 20)

    @property
    def eof(self) -> bool:
        return self._lzma.eof

    def inflate(self, data: bytes, limit: int) -> bytes:
        return self._lzma.decompress(data, limit)

    def hungry(self) -> bool:
        return self._lzma.needs_input

    def rest(self) -> bytes:
        return self._lzma.unused_data


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    def inflate(self, data: bytes, limit: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, limit)

    def hungry(self) -> bool:
        return not self._zlib.unconsumed_tail

    def rest(self) -> bytes:
        return self._zlib.unused_data


class _Plain:
    eof = False

    def inflate(self, data: bytes, limit: int) -> bytes:
        return data

    def hungry(self) -> bool:
        return True

    def rest(self) -> bytes:
        return b""


_INFLATERS: dict[str, type[_Plain] | type[_Gzip] | type[_Xz]] = {"": _Plain, ".gz": _Gzip}


class _Slice:
    """`size` bytes of an open file from where it stands."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


def _inflated(source: _Slice, method: str, what: str, limit: int) -> Iterator[bytes]:
    """The chunks of a compressed ar member; MalformedError past `limit` bytes."""
    try:
        for chunk in _chunks(source, method, what):
            limit -= len(chunk)
            if limit < 0:
                raise MalformedError(f"{what}: unpacks to far more than its Installed-Size says")
            yield chunk
    except (lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
        raise MalformedError(f"{what}: damaged compressed data ({error})") from None


def _chunks(source: _Slice, method: str, what: str) -> Iterator[bytes]:
    if method == ".zst":
        zstd = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        stream = zstd.stream_reader(
            source,  # type: ignore[arg-type]
            read_size=CHUNK,
            read_across_frames=True,
        )
        while chunk := stream.read(CHUNK):
            yield chunk
        return
    inflater: _Inflater = _INFLATERS.get(method, _Xz)()
    while not inflater.eof:
        hungry = inflater.hungry()
        data = source.read(CHUNK) if hungry else b""
        if hungry and not data:
            if method:
                raise MalformedError(f"{what}: compressed data ends too early")
            return
        if chunk := inflater.inflate(data, CHUNK):
            yield chunk
    if inflater.rest() or source.read(1):
        raise MalformedError(f"{what}: something follows the end of the compressed data")


class DebFile:
    """An open .deb; `what` names it in errors. Read `control` first, then walk `data`."""

    def __init__(self, file: BinaryIO, what: str) -> None:
        self._file = file
        self._what = what
        if file.read(8) != b"!<arch>\n":
            raise MalformedError(f"{what}: not a .deb (no ar archive)")
        name, size = self._member()
        if name != "debian-binary" or not file.read(min(size, 64)).startswith(b"2."):
            raise MalformedError(f"{what}: not a .deb of format 2.x")
        file.seek(68 + size)
        self._pad(size)
        name, size = self._member()
        if not name.startswith("control.tar"):
            raise MalformedError(f"{what}: expected control.tar, got {name!r}")
        end = file.tell() + size
        self.control = self._read_control(name.removeprefix("control.tar"), size)
        file.seek(end)
        self._pad(size)

    def data(self) -> TarReader:
        """The data archive; its members are in the order of the file."""
        name, size = self._member()
        while name.startswith("_"):
            self._file.seek(size, 1)
            self._pad(size)
            name, size = self._member()
        if not name.startswith("data.tar"):
            raise MalformedError(f"{self._what}: expected data.tar, got {name!r}")
        installed = self.control.fields.get("Installed-Size", "")
        kib = int(installed) if installed.isdecimal() and len(installed) < 12 else 0
        limit = min(_EXPANSION * kib * 1024 + _ALLOWANCE, MAX_UNPACKED)
        stream = self._inflated(name.removeprefix("data.tar"), size, limit)
        return TarReader(stream, self._what, TarLimits(MAX_DATA_MEMBERS, name=4096))

    def _member(self) -> tuple[str, int]:
        header = self._file.read(60)
        size = header[48:58].strip()
        if len(header) != 60 or header[58:] != b"`\n" or not size.isdigit():
            raise MalformedError(f"{self._what}: truncated or damaged ar archive")
        return header[:16].decode("ascii", "replace").rstrip().rstrip("/"), int(size)

    def _pad(self, size: int) -> None:
        if size % 2:
            self._file.seek(1, 1)

    def _inflated(self, method: str, size: int, limit: int) -> Iterator[bytes]:
        if method not in ("", ".gz", ".xz", ".lzma", ".zst"):
            raise MalformedError(f"{self._what}: compression {method!r} is not supported")
        return _inflated(_Slice(self._file, size), method, self._what, limit)

    def _read_control(self, method: str, size: int) -> Control:
        stream = self._inflated(method, size, MAX_CONTROL)
        files: dict[str, bytes] = {}
        reader = TarReader(stream, self._what, TarLimits(members=1000))
        for member in reader:
            if member.kind == FILE:
                files[member.name.removeprefix("./")] = reader.read(MAX_CONTROL) or b""
        if "control" not in files:
            raise MalformedError(f"{self._what}: control.tar has no control file")
        return Control(_fields(files["control"], self._what), files)


def _fields(raw: bytes, what: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in raw.decode("utf-8", "replace").split("\n"):
        if line[:1] in (" ", "\t") and last:
            fields[last] += "\n" + line
        elif line.strip():
            name, colon, value = line.partition(":")
            if not colon or not name or name in fields:
                raise MalformedError(f"{what}: damaged control file: {line!r:.100}")
            last, fields[name] = name, value.strip()
    for name in ("Package", "Version", "Architecture"):
        if not fields.get(name):
            raise MalformedError(f"{what}: control file without {name}")
    return fields
