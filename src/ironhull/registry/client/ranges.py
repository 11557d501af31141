"""Several ranges of a blob by one request (RFC 9110, 14): parts of a multipart answer, in order.

A registry may know no ranges at all, or one at a time: then it sends the whole or refuses, which is
no fault. One that sends other bytes than it says, or says others than it was asked for, is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from urllib3.response import BaseHTTPResponse

from ironhull.errors import UntrustedError
from ironhull.reports.text import one_line
from ironhull.transport.exchange import CHUNK, Exchange

Range = tuple[int, int]
"""First byte, and the one after the last."""
_BOUNDARY = re.compile(
    r"""multipart/byteranges;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE
)
_PLACE = re.compile(
    rb"content-range:\s*bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE
)
_MAX_LINE = 1024
_MAX_LINES = 16


def range_header(ranges: Sequence[Range]) -> str:
    """What asks for these ranges."""
    return "bytes=" + ",".join(f"{first}-{end - 1}" for first, end in ranges)


class RangedAnswer:
    """The body of an answer 206 to a request for `ranges` of a blob of `size` bytes."""

    def __init__(
        self, exchange: Exchange, response: BaseHTTPResponse, ranges: Sequence[Range], size: int
    ) -> None:
        self._exchange = exchange
        self._response = response
        self._ranges = ranges
        self._size = size
        self._buffer = b""
        kind = response.headers.get("content-type", "").strip()
        found = _BOUNDARY.match(kind)
        self._boundary = (found[1] or found[2]).encode() if found else None
        # One range comes as it is, several with what stands between them.
        if self._boundary is None:
            said = response.headers.get("content-range", "").strip()
            self._hold(f"content-range: {said}".encode(), 0)
            if len(ranges) > 1:
                raise UntrustedError(f"asked for {len(ranges)} ranges, got one: {said!r:.60}")

    def parts(self) -> Iterator[Iterator[bytes]]:
        """The pieces of each range; those of one are read before the next is asked for.

        UntrustedError if the answer is another one than was asked for.
        """
        for number, (first, end) in enumerate(self._ranges):
            if self._boundary is not None:
                self._head(number)
            yield self._taken(end - first)

    def _taken(self, left: int) -> Iterator[bytes]:
        while left:
            if not self._buffer:
                self._more()
            piece, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(piece)
            yield piece

    def _head(self, number: int) -> None:
        """Read what stands before a part, and hold it to what was asked for."""
        # The line feed before a boundary belongs to it; before the first one there may be none.
        boundary, held = self._line() or self._line(), False
        if boundary.rstrip() != b"--" + (self._boundary or b""):
            raise UntrustedError(f"a part of the answer begins with {boundary!r:.80}")
        for _ in range(_MAX_LINES):
            line = self._line()
            if line == b"" and held:
                return
            if line.lower().startswith(b"content-range:"):
                self._hold(line, number)
                held = True
        raise UntrustedError("a part of the answer does not say its range")

    def _hold(self, line: bytes, number: int) -> None:
        first, end = self._ranges[number]
        found = _PLACE.fullmatch(line.strip())
        if found is None or tuple(map(int, found.groups())) != (first, end - 1, self._size):
            said = one_line(line.decode("latin-1"), 80)
            raise UntrustedError(f"asked for bytes {first}-{end - 1}/{self._size}, got {said!r}")

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                raise UntrustedError("a part of the answer has a header without an end")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _more(self) -> None:
        data = self._exchange.read(self._response, CHUNK)
        if not data:
            raise UntrustedError("the answer ends before the last range that was asked for")
        self._buffer += data
