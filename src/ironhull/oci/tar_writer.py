"""Tar archives written as a stream, so that the bytes depend on nothing but the members.

ustar, with a PAX header (POSIX.1-2001) only where ustar cannot say it. Owner and group names,
access and change times, and the name of the process are never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ironhull.oci.tar import BLOCK, DIRECTORY, FILE

END = b"\0" * (2 * BLOCK)
_XATTR = "SCHILY.xattr."
_NO_XATTRS: Mapping[str, bytes] = {}


class TarHeader(NamedTuple):
    """What an archive says of a member; `name` has no slash at its end, `size` is the data's."""

    name: str
    kind: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: str = ""
    xattrs: Mapping[str, bytes] = _NO_XATTRS


def header_bytes(member: TarHeader) -> bytes:
    """The header block of a member, after a PAX header if ustar cannot hold it."""
    records: dict[str, bytes] = {}
    name = member.name + "/" if member.kind == DIRECTORY else member.name
    raw, link = _bytes(name), _bytes(member.link)
    prefix, raw_name = b"", raw
    if len(raw) > 100:
        cut = raw.rfind(b"/", max(0, len(raw) - 101), min(155, len(raw) - 2) + 1)
        if cut > 0 and len(raw) - cut - 1 <= 100 and cut <= 155 and raw.isascii():
            prefix, raw_name = raw[:cut], raw[cut + 1 :]
        else:
            records["path"], raw_name = raw, raw[:100]
    if not raw.isascii():
        records["path"] = raw
    if len(link) > 100 or not link.isascii():
        records["linkpath"] = link
    size = member.size if member.kind == FILE else 0
    numbers = {"uid": member.uid, "gid": member.gid, "size": size, "mtime": member.mtime}
    for key, number in numbers.items():
        limit = 8**11 if key in ("size", "mtime") else 8**7
        if not 0 <= number < limit:
            records[key] = b"%d" % number
            numbers[key] = 0
    for key, value in member.xattrs.items():
        records[_XATTR + key] = value
    block = _block(raw_name, member.kind, member.mode, numbers, link[:100], prefix)
    return _pax(records) + block if records else block


def _block(
    name: bytes,
    kind: str,
    mode: int,
    numbers: Mapping[str, int],
    link: bytes,
    prefix: bytes,
) -> bytes:
    head = b"%-100b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(100, b"\0"),
        mode,
        numbers["uid"],
        numbers["gid"],
        numbers["size"],
        numbers["mtime"],
    )
    tail = b"%b%bustar\00000%b%07o\0%07o\0%b" % (
        kind.encode(),
        link.ljust(100, b"\0"),
        b"\0" * 64,
        0,
        0,
        prefix.ljust(167, b"\0"),
    )
    checksum = sum(head) + sum(tail) + 256
    return head + b"%06o\0 " % checksum + tail


def _pax(records: Mapping[str, bytes]) -> bytes:
    lines = []
    for key in sorted(records):
        body = b" " + _bytes(key) + b"=" + records[key] + b"\n"
        length = len(body) + len(str(len(body)))
        length = len(body) + len(str(length))
        lines.append(b"%d" % length + body)
    data = b"".join(lines)
    numbers = {"uid": 0, "gid": 0, "size": len(data), "mtime": 0}
    block = _block(b"./PaxHeaders/member", "x", 0o644, numbers, b"", b"")
    return block + data + b"\0" * (-len(data) % BLOCK)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class TarWriter:
    """Writes members to `write`, for example a compressor's."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def add(self, member: TarHeader, data: bytes = b"") -> None:
        """A member with its data at hand; its size is that of the data."""
        if member.kind == FILE and member.size != len(data):
            member = member._replace(size=len(data))
        self._write(header_bytes(member))
        if data:
            self._write(data)
            self._write(b"\0" * (-len(data) % BLOCK))

    def end(self) -> None:
        """The two zero blocks that end an archive."""
        self._write(END)
