"""CRC-64 as tar-split has it: ISO 3309's polynomial, bits reversed (Go's `hash/crc64.ISO`).

No library that we have knows this polynomial, and a loop over bytes takes longer than compressing
them. It has so few terms (x^64 + x^4 + x^3 + x + 1) that rows of bytes are reduced as one number:

1. For m = 2^j squaring has no mixed terms, so that x^64m = x^4m + x^3m + x^m + 1.
2. What is in front of 64m bits is therefore added to them at four places: rows of 4 KiB one after
   the other (`_rows`), then the last one, halved again and again until 64 bits are left.

The bits of a number stand here as they come: bit 0 has the highest power.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_M = 512
_ROW = 8 * _M
"""Bytes; larger rows leave the processor's nearest cache, smaller ones cost more calls."""


def crc64(data: bytes, before: int = 0) -> int:
    """The checksum of what has the checksum `before`, followed by `data`."""
    start = len(data) % _ROW
    register = before ^ _MASK
    if start:
        number = int.from_bytes(data[:start], "little") ^ register
        # 64 zeros behind the data make room for the remainder.
        register = _reduced(number, 8 * start + 64)
    if len(data) > start:
        register = _reduced(_rows(data, start, register), 8 * _ROW + 64)
    return register ^ _MASK


def _rows(data: bytes, start: int, number: int) -> int:
    """All rows from `start` as one, after a register."""
    low = (1 << 4 * _M) - 1
    last = len(data) - _ROW
    for place in range(start, last + 1, _ROW):
        number ^= int.from_bytes(data[place : place + _ROW], "little")
        if place < last:
            number ^= number << _M ^ number << 3 * _M ^ number << 4 * _M
            # 4m bits too many: the front ones are moved behind in the same way.
            over = number & low
            over ^= over << _M ^ over << 3 * _M ^ over << 4 * _M
            number = number >> 4 * _M ^ over << 56 * _M
    return number


def _reduced(number: int, bits: int) -> int:
    """The remainder of a number of so many bits."""
    m = 1
    while 128 * m < bits:
        m *= 2
    while bits > 64:
        while m > 1 and 64 * m >= bits:
            m //= 2
        front = bits - 64 * m
        over = number & ((1 << front) - 1)
        over ^= over << m ^ over << 3 * m ^ over << 4 * m
        # `over` ends where the number does; what it has more in front makes the number longer.
        longer = front + 4 * m - 64 * m
        if longer > 0:
            number, bits = (number >> front) << longer ^ over, 64 * m + longer
        else:
            number, bits = number >> front ^ over << -longer, 64 * m
    return number
