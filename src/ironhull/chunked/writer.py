"""Compresses a tar stream file by file, and notes where each file went.

Headers and padding between two contents are a zstd frame, each content that is not empty is one of
its own. The table of contents and tar-split's record are compressed while they grow, so that of a
layer nothing but they and one small file is in memory.

A layer whose paths the table cannot tell gets none, and stays ordinary zstd: names that are not
UTF-8 (the table is JSON), a path that comes twice (readers would refuse the layer).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import zstandard

from ironhull.chunked.crc64 import crc64
from ironhull.chunked.format import HEAD, Part, footer, skippable, told
from ironhull.oci.digest import Digest
from ironhull.oci.tar import (
    BLOCK,
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARD_LINK,
    SYMLINK,
    Member,
    TarReader,
)

VERSION = 1
"""Of what is written here: part of the key of every layer that is. Raise it when bytes change."""
TYPES = {
    FILE: "reg",
    HARD_LINK: "hardlink",
    SYMLINK: "symlink",
    CHARACTER: "char",
    BLOCK_DEVICE: "block",
    DIRECTORY: "dir",
    FIFO: "fifo",
}
"""The table's word for a kind of member."""
# Compressed as one piece: that is faster, and the frame says how long it is.
_SMALL = 1 << 20
_ZERO = bytes(BLOCK)
_SIZE = slice(124, 136)
_TYPE = slice(156, 157)


class ChunkedCompressor:
    """Takes the bytes of a tar archive of ours (ustar, pax), in any pieces; gives a layer's.

    After `flush` the annotations of the layer's descriptor are there: none if it got no table.
    """

    def __init__(self, level: int) -> None:
        self.annotations: Mapping[str, str] = {}
        self._zstd = zstandard.ZstdCompressor(level=level)
        self._out: list[bytes] = []
        self._size = 0
        # Of the members' headers: what belongs to the one at hand, and what has no frame yet.
        self._head = bytearray()
        self._headers = bytearray()
        self._missing = BLOCK
        self._ended = False
        self._content: _Content | None = None
        self._record = _Record(level)

    def compress(self, data: bytes, /) -> bytes:
        """What can be given of the layer after these bytes of the archive."""
        place = 0
        while place < len(data):
            if self._content is not None:
                piece = data[place : place + self._content.left]
                self._take(self._content, piece)
            elif self._ended:
                piece = data[place:]
                self._head += piece
            else:
                piece = data[place : place + self._missing]
                self._head += piece
                self._missing -= len(piece)
                if not self._missing:
                    self._block()
            place += len(piece)
        return self._given()

    def flush(self) -> bytes:
        """The rest of the layer."""
        self._headers += self._head
        self._record.segment(self._head)
        self._end_headers()
        parts = self._record.finish(self._size)
        if parts is not None:
            table, split = parts
            self._emit(skippable(table.packed) + skippable(split.packed))
            self._emit(skippable(footer(table.part, split.part)))
            self.annotations = told(table.part, table.digest, split.part, split.digest)
        return self._given()

    def _given(self) -> bytes:
        given = b"".join(self._out)
        self._out.clear()
        return given

    def _emit(self, data: bytes) -> None:
        self._out.append(data)
        self._size += len(data)

    def _block(self) -> None:
        """A header block is whole: of an extended header, of a member, or of the archive's end."""
        block = bytes(self._head[-BLOCK:])
        if block == _ZERO:
            self._ended = True
            return
        if block[_TYPE] == b"x":
            size = int(block[_SIZE].rstrip(b"\0 "), 8)
            self._missing = size + -size % BLOCK + BLOCK
            return
        raw = bytes(self._head)
        self._head.clear()
        self._missing = BLOCK
        # What is in front of the header is the padding of the content before.
        member = next(iter(TarReader((raw[self._record.padding :],), "a layer of ours")))
        self._record.segment(raw)
        self._headers += raw
        if member.size:
            self._end_headers()
            self._content = _Content(member, self._size, self._zstd)
        else:
            self._record.member(member)
            if len(self._headers) >= _SMALL:
                self._end_headers()

    def _end_headers(self) -> None:
        if self._headers:
            self._emit(self._zstd.compress(self._headers))
            self._headers.clear()

    def _take(self, content: _Content, piece: bytes) -> None:
        self._emit(content.take(piece))
        if not content.left:
            self._record.member(content.member, content, self._size)
            self._content = None
            self._missing = -content.member.size % BLOCK + BLOCK


class _Content:
    """A file's content on its way into a frame."""

    def __init__(self, member: Member, offset: int, zstd: zstandard.ZstdCompressor) -> None:
        self.member = member
        self.offset = offset
        self.left = member.size
        self.sha256 = hashlib.sha256()
        self.crc64 = 0
        self._pieces: list[bytes] = []
        self._zstd = zstd
        self._stream = zstd.compressobj(size=member.size) if member.size > _SMALL else None

    def take(self, piece: bytes) -> bytes:
        """What the frame has after this piece."""
        self.left -= len(piece)
        self.sha256.update(piece)
        self.crc64 = crc64(piece, self.crc64)
        if self._stream is not None:
            given = self._stream.compress(piece)
            return given if self.left else given + self._stream.flush()
        self._pieces.append(piece)
        return b"" if self.left else self._zstd.compress(b"".join(self._pieces))


class _Packed:
    """Lines that are compressed as they come."""

    def __init__(self, level: int) -> None:
        self._stream = zstandard.ZstdCompressor(level=level).compressobj()
        self._pieces: list[bytes] = []
        self._unpacked = 0
        self.packed = b""
        self.part = Part(0, 0, 0)

    @property
    def digest(self) -> Digest:
        """Of what it was compressed to."""
        return Digest("sha256:" + hashlib.sha256(self.packed).hexdigest())

    def add(self, text: str) -> None:
        """Append; escapes have made it ASCII, or UTF-8."""
        data = text.encode()
        self._unpacked += len(data)
        self._pieces.append(self._stream.compress(data))

    def finish(self, offset: int) -> None:
        """Nothing more comes; it will be the content of a frame that begins at `offset`."""
        self.packed = b"".join(self._pieces) + self._stream.flush()
        self.part = Part(offset + HEAD, len(self.packed), self._unpacked)


class _Record:
    """The table of contents and tar-split's record of one layer."""

    def __init__(self, level: int) -> None:
        self.padding = 0
        """Bytes that fill up the last content."""
        self._table, self._split = _Packed(level), _Packed(level)
        self._known: set[str] | None = set()
        self._position = 0
        self._comma = ""
        self._table.add('{"version":1,"entries":[')

    def segment(self, raw: bytes | bytearray) -> None:
        """Bytes of the archive that are no content, up to the next member's first."""
        self._line({"type": 2, "payload": base64.b64encode(raw).decode()})

    def member(self, member: Member, content: _Content | None = None, end: int = 0) -> None:
        """A member, and its content's frame, which ends before `end`."""
        self.padding = -member.size % BLOCK
        if self._known is None:
            return
        path = member.name.rstrip("/")
        try:
            f"{member.name}{member.link}".encode()
        except UnicodeEncodeError:
            path = ""
        if not path or path in self._known:
            self._known = None
            return
        self._known.add(path)
        value = _entry(member)
        line: dict[str, Any] = {"type": 1, "name": member.name}
        if content is None:
            line["payload"] = ""
        else:
            digest = f"sha256:{content.sha256.hexdigest()}"
            value |= {"digest": digest, "offset": content.offset, "endOffset": end}
            checksum = content.crc64.to_bytes(8, "big")
            line |= {"size": member.size, "payload": base64.b64encode(checksum).decode()}
        self._table.add(self._comma + json.dumps(value, separators=(",", ":")))
        self._comma = ","
        self._line(line)

    def finish(self, offset: int) -> tuple[_Packed, _Packed] | None:
        """Both, whose frames begin at `offset`; None if the layer's paths cannot be told."""
        if not self._known:
            return None
        # The record's place follows from the table's size, the table has the record's digest.
        self._split.finish(0)
        self._table.add(f'],"tarSplitDigest":"{self._split.digest}"}}')
        self._table.finish(offset)
        self._split.part = Part(
            self._table.part.end + HEAD, self._split.part.size, self._split.part.unpacked
        )
        return self._table, self._split

    def _line(self, value: dict[str, Any]) -> None:
        if self._known is not None:
            text = json.dumps({**value, "position": self._position}, separators=(",", ":"))
            self._split.add(text + "\n")
            self._position += 1


def _entry(member: Member) -> dict[str, Any]:
    """What the table says of any member, as its header says it; zeros and nothing are left out."""
    value: dict[str, Any] = {
        "type": TYPES[member.kind],
        "name": member.name,
        "linkName": member.link,
        "mode": member.mode,
        "size": member.size,
        "uid": member.uid,
        "gid": member.gid,
        "modtime": datetime.fromtimestamp(member.mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "xattrs": {
            key: base64.b64encode(text).decode() for key, text in (member.xattrs or {}).items()
        },
    }
    return {key: item for key, item in value.items() if item}
