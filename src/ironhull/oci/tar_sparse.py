"""Where the data of a sparse file is: the maps of GNU tar's four formats, read and checked.

old GNU    four entries in the header, more in blocks behind it
PAX 0.0    records GNU.sparse.offset and GNU.sparse.numbytes in turn
PAX 0.1    one record GNU.sparse.map, numbers between commas
PAX 1.0    lines of numbers before the data: how many entries, then offset and length of each

What a map says is a stranger's word: extents come in order, lie in the file, do not overlap, and
have together as many bytes as the archive holds for the member.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

Extent = tuple[int, int]
"""Offset in the file and number of bytes."""

BLOCK = 512
HOLE = bytes(64 * 1024)
_ENTRY = 24
_OFFSET, _LENGTH, _MAP = "GNU.sparse.offset", "GNU.sparse.numbytes", "GNU.sparse.map"
_DIGITS = 20


class SparseError(ValueError):
    """A map that makes no sense; the text says why."""


class Source(Protocol):
    """The stored bytes of a member, read forward."""

    def piece(self, limit: int) -> bytes:
        """At least one of the bytes that are left, at most `limit`."""
        ...

    def peek(self, size: int) -> bytes:
        """The first `size` bytes that are left, which stay unread."""
        ...


def is_sparse(pax: Mapping[str, bytes]) -> bool:
    """Whether records are those of a sparse format that there is; of no other, as in Go."""
    version = (pax.get("GNU.sparse.major", b""), pax.get("GNU.sparse.minor", b""))
    if version == (b"1", b"0"):
        return True
    has_map = _MAP in pax or _OFFSET in pax
    return has_map and version in ((b"", b""), (b"0", b"0"), (b"0", b"1"))


def old_entries(fields: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of old GNU entries, twelve bytes each, up to the first empty one."""
    found = []
    for start in range(0, len(fields) - _ENTRY + 1, _ENTRY):
        offset, length = fields[start : start + 12], fields[start + 12 : start + _ENTRY]
        if not offset.strip(b"\0 ") and not length.strip(b"\0 "):
            break
        found.append((offset, length))
    return found


def pax_extents(records: Iterable[tuple[str, bytes]]) -> list[Extent] | None:
    """The map of PAX 0.0 or 0.1 in an extended header; None if it has none."""
    numbers: list[int] = []
    found = False
    expected = _OFFSET
    for key, value in records:
        if key == _MAP:
            return _paired([_decimal(part) for part in value.split(b",")] if value else [])
        if key in (_OFFSET, _LENGTH):
            if key != expected:
                raise SparseError(f"{key} where {expected} was to come")
            expected = _LENGTH if key == _OFFSET else _OFFSET
            numbers.append(_decimal(value))
            found = True
    return _paired(numbers) if found else None


def counted_extents(source: Source, left: int, limit: int) -> list[Extent]:
    """The map of PAX 1.0: lines in whole blocks, the first of `left` bytes of content."""
    lines: list[bytes] = []
    rest = b""
    count, taken = None, 0
    while count is None or len(lines) < 2 * count:
        taken += BLOCK
        if taken > min(left, limit):
            raise SparseError("a sparse map without an end")
        block = b""
        while len(block) < BLOCK:
            block += source.piece(BLOCK - len(block))
        *more, rest = (rest + block).split(b"\n")
        if count is None and more:
            count = _decimal(more.pop(0))
        lines += more
    return _paired([_decimal(line) for line in lines[: 2 * count]])


def checked(extents: Iterable[Extent], size: int, stored: int) -> list[Extent]:
    """The extents that hold data, last first; SparseError if they do not fit the file."""
    end = total = 0
    kept = []
    for offset, length in extents:
        if offset < end or length < 0 or offset + length > size:
            raise SparseError(f"a sparse map that does not fit into {size} bytes")
        end = offset + length
        total += length
        if length:
            kept.append((offset, length))
    if total != stored:
        raise SparseError(f"a sparse map of {total} bytes for {stored} that are there")
    kept.reverse()
    return kept


def _paired(numbers: Sequence[int]) -> list[Extent]:
    if len(numbers) % 2:
        raise SparseError("a sparse map that ends after an offset")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > _DIGITS:
        raise SparseError(f"a sparse map with {text!r:.40} for a number")
    return int(text)


class Holed:
    """The content of a sparse file of `size` bytes, whose data are at the checked `extents`."""

    __slots__ = ("_at", "_extents", "_size", "_source")

    def __init__(self, source: Source, extents: list[Extent], size: int) -> None:
        self._source = source
        self._extents = extents
        self._size = size
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return self._size - self._at

    def head(self, size: int) -> bytes:
        """Up to `size` first bytes of a file of which nothing is read yet; they stay unread."""
        size = min(size, self.left)
        head = bytearray(size)
        stored = 0
        for offset, length in reversed(self._extents):
            length = min(length, size - offset)
            if length <= 0:
                break
            stored += length
            head[offset : offset + length] = self._source.peek(stored)[-length:]
        return bytes(head)

    def content(self) -> Iterator[bytes]:
        """Everything that is left; whole pieces of a hole are HOLE itself."""
        while self.left:
            start, length = self._extents[-1] if self._extents else (self._size, 0)
            if self._at < start:
                size = min(start - self._at, len(HOLE))
                piece = HOLE if size == len(HOLE) else HOLE[:size]
            else:
                piece = self._source.piece(start + length - self._at)
                if self._at + len(piece) == start + length:
                    self._extents.pop()
            self._at += len(piece)
            yield piece
