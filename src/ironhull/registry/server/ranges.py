"""Which parts of a blob a Range header asks for, and how several go in one answer (RFC 9110, 14).

Engines that fetch only files that they lack ask for up to 1,024 parts at once. Such an answer is
`multipart/byteranges`: before each part stand its place and a boundary that is drawn by lot, so
that no blob can hold it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from ironhull.registry.server.refusal import Refusal
from ironhull.values import dataclass

_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
MAX_RANGES = 1024
Range = tuple[int, int]
"""First and last byte."""


def parse_ranges(header: str | None, size: int) -> list[Range]:
    """The parts that a Range header asks for, in its order; none: the whole (RFC 9110, 14.2).

    Units other than bytes are ignored, and several parts where they are not in the blob's order,
    overlap or are more than MAX_RANGES: nobody needs these, and to answer them costs much.
    RANGE_INVALID (416) if nothing of the blob is asked for.
    """
    unit, equals, text = (header or "").strip().partition("=")
    if unit != "bytes" or not equals or text.count(",") >= MAX_RANGES:
        return []
    found: list[Range] = []
    for item in text.split(","):
        # Blanks are around an item alone: a rule for them in it takes the square of their number.
        match = _RANGE.fullmatch(item.strip(" \t"))
        if match is None or not (match[1] or match[2]):
            return []
        if match[1] and match[2] and int(match[1]) > int(match[2]):
            return []
        first = int(match[1]) if match[1] else max(0, size - int(match[2]))
        last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
        if found and first <= found[-1][1]:
            return []
        if first <= last:
            found.append((first, last))
    if not found:
        raise Refusal(
            "RANGE_INVALID",
            f"range {header!r:.100} of {size} bytes",
            headers={"content-range": f"bytes */{size}"},
        )
    return found


@dataclass(frozen=True, slots=True)
class Multipart:
    """Headers of an answer of several parts, what stands before each, and at the end."""

    headers: Mapping[str, str]
    before: tuple[bytes, ...]
    end: bytes


def multipart(ranges: Sequence[Range], size: int, content_type: str) -> Multipart:
    """Several parts of a blob of `size` bytes as one body."""
    boundary = secrets.token_hex(16)
    head = f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes "
    texts = [f"{head}{first}-{last}/{size}\r\n\r\n".encode() for first, last in ranges]
    before = (texts[0].lstrip(), *texts[1:])
    end = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, before)) + sum(last - first + 1 for first, last in ranges) + len(end)
    return Multipart(
        {
            "content-type": f"multipart/byteranges; boundary={boundary}",
            "content-length": str(length),
        },
        before,
        end,
    )
