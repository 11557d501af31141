"""Sparse tar members in GNU tar's four formats, made from the parts that hold data.

sparse_member("app.jar", [(0, b"PK…"), (1 << 20, b"…")], 2 << 20, "1.0")
"""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.oci.tar import BLOCK

Parts = Sequence[tuple[int, bytes]]
"""Offset and data, in order."""

FORMATS = ("gnu", "0.0", "0.1", "1.0")


def sparse_member(name: str, parts: Parts, size: int, form: str) -> bytes:
    """A member of `size` bytes, header and padded content, that holds only the parts."""
    # GNU tar ends a map at the file's end, be it with no bytes.
    extents = [(offset, len(data)) for offset, data in parts]
    if not extents or sum(extents[-1]) < size:
        extents.append((size, 0))
    data = b"".join(content for _, content in parts)
    if form == "gnu":
        return _old(name, extents, size, data)
    numbers = [number for extent in extents for number in extent]
    records = [("GNU.sparse.size", str(size)), ("GNU.sparse.numblocks", str(len(extents)))]
    match form:
        case "0.0":
            for offset, length in extents:
                records += [
                    ("GNU.sparse.offset", str(offset)),
                    ("GNU.sparse.numbytes", str(length)),
                ]
        case "0.1":
            records += [("GNU.sparse.name", name), ("GNU.sparse.map", ",".join(map(str, numbers)))]
        case "1.0":
            records = [
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", name),
                ("GNU.sparse.realsize", str(size)),
            ]
            lines = "".join(f"{number}\n" for number in (len(extents), *numbers))
            data = _padded(lines.encode()) + data
        case _:
            raise ValueError(form)
    pax = b"".join(_record(key, value) for key, value in records)
    stored = name if form == "0.0" else f"GNUSparseFile.0/{name}"
    return (
        header(b"././@PaxHeader", b"x", len(pax))
        + _padded(pax)
        + header(stored.encode(), b"0", len(data))
        + _padded(data)
    )


def header(name: bytes, kind: bytes, size: int, tail: bytes = b"") -> bytes:
    """A header block; `tail` are the bytes from 345 on."""
    magic = b"ustar  \0" if tail else b"ustar\x0000"
    front = b"%-100b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(100, b"\0"),
        0o644,
        0,
        0,
        size,
        0,
    )
    back = kind + bytes(100) + magic + bytes(80) + tail.ljust(167, b"\0")
    return front + b"%06o\0 " % (sum(front) + sum(back) + 256) + back


def _old(name: str, extents: Sequence[tuple[int, int]], size: int, data: bytes) -> bytes:
    entries = [b"%011o\0%011o\0" % extent for extent in extents]
    first, more = entries[:4], entries[4:]
    tail = bytes(41) + b"".join(first).ljust(96, b"\0") + (b"\1" if more else b"\0")
    tail += b"%011o\0" % size
    blocks = b""
    while more:
        block, more = more[:21], more[21:]
        blocks += (b"".join(block).ljust(504, b"\0") + (b"\1" if more else b"\0")).ljust(
            BLOCK, b"\0"
        )
    return header(name.encode(), b"S", len(data), tail) + blocks + _padded(data)


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body) + len(str(len(body)))
    return b"%d" % (len(body) + len(str(length))) + body


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)
