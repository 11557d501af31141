"""Tar archives as layers and Debian packages use them, read and written as streams.

Reads ustar, GNU long names and PAX (POSIX.1-2001); writes ustar, with a PAX header only where ustar
cannot say it, so that the bytes depend on nothing but the members. Everything read is hostile: the
sizes of names and extended headers are bounded, checksums are verified, sparse members are refused.
Which names are acceptable is the caller's decision; `clean_name` makes the usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from ironhull.errors import MalformedError

BLOCK = 512
END = b"\0" * (2 * BLOCK)
MAX_EXTENDED = 1 << 20
MAX_NAME = 4096

FILE, HARDLINK, SYMLINK, CHARACTER, DEVICE, DIRECTORY, FIFO = "0123456"
_XATTR = "SCHILY.xattr."
_NO_XATTRS: Mapping[str, bytes] = {}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Member(NamedTuple):
    """One entry; `kind` is tar's type flag, `size` is of the data that follows it."""

    name: str
    kind: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: str = ""
    xattrs: Mapping[str, bytes] = _NO_XATTRS
    device: tuple[int, int] = (0, 0)


def clean_name(name: str) -> str:
    """A member's name relative to the root, without `./` and trailing `/`; `` for the root itself.

    MalformedError if the name is absolute, climbs, or has a NUL or a newline in it.
    """
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    name = name.rstrip("/")
    if name in (".", ""):
        return ""
    if name[0] == "/" or "\0" in name or "\n" in name or len(name) > MAX_NAME:
        raise MalformedError(f"tar member with an unacceptable name: {name!r:.200}")
    if "//" in name or "/./" in name or name.endswith("/.") or ".." in name:
        parts = name.split("/")
        if ".." in parts:
            raise MalformedError(f"tar member leaves the archive's root: {name!r:.200}")
        name = "/".join(part for part in parts if part not in ("", "."))
    return name


class TarReader:
    """Iterate over the members; between two of them, `read` gives the data of the first."""

    def __init__(self, source: Readable, what: str, *, max_members: int = 2_000_000) -> None:
        self._source = source
        self._what = what
        self._max_members = max_members
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        count = 0
        extended: dict[str, str | bytes] = {}
        while True:
            self._skip()
            header = self._exactly(BLOCK, "a header")
            if header.count(0) == BLOCK:
                return
            name, kind, fields = self._parse(header)
            if kind in "xgLK":
                self._extend(extended, kind, fields[3])
                continue
            count += 1
            if count > self._max_members:
                raise MalformedError(f"{self._what}: more than {self._max_members} members")
            yield self._member(header, name, kind, fields, extended)
            extended = {}

    def read(self, limit: int = -1) -> bytes:
        """The next bytes of the current member's data: up to `limit`, empty at its end."""
        wanted = self._left if limit < 0 else min(limit, self._left)
        if wanted == 0:
            return b""
        data = self._source.read(wanted)
        if not data:
            raise MalformedError(f"{self._what}: ends inside a member's data")
        self._left -= len(data)
        return data

    def read_all(self, limit: int) -> bytes:
        """All data of the current member; MalformedError if it is more than `limit` bytes."""
        if self._left > limit:
            raise MalformedError(f"{self._what}: member of {self._left} bytes, limit is {limit}")
        size = self._left
        self._left = 0
        return self._exactly(size, "a member's data") if size else b""

    def _member(
        self,
        header: bytes,
        name: str,
        kind: str,
        fields: tuple[int, int, int, int, int],
        extended: dict[str, str | bytes],
    ) -> Member:
        mode, uid, gid, size, mtime = fields
        link = _text(header[157:257]) if kind in (HARDLINK, SYMLINK) else ""
        xattrs = _NO_XATTRS
        device = (0, 0)
        if kind in (CHARACTER, DEVICE):
            device = (self._number(header[329:337]), self._number(header[337:345]))
        if extended:
            name = _string(extended.get("path", name))
            link = _string(extended.get("linkpath", link))
            size = self._pax_number(extended, "size", size)
            uid = self._pax_number(extended, "uid", uid)
            gid = self._pax_number(extended, "gid", gid)
            mtime = self._pax_number(extended, "mtime", mtime)
            xattrs = {
                key[len(_XATTR) :]: value
                for key, value in extended.items()
                if key.startswith(_XATTR) and isinstance(value, bytes)
            }
            if any(key.startswith("GNU.sparse") for key in extended):
                raise MalformedError(f"{self._what}: sparse member {name!r:.200}")
        if len(name) > MAX_NAME or len(link) > MAX_NAME:
            raise MalformedError(f"{self._what}: name of more than {MAX_NAME} characters")
        if kind not in "0123456":
            if kind not in ("\0", "7"):
                raise MalformedError(f"{self._what}: member {name!r:.200} of kind {kind!r}")
            kind = FILE
        if kind == FILE and name.endswith("/"):
            kind = DIRECTORY
        if kind != FILE:
            size = 0
        self._left, self._padding = size, -size % BLOCK
        return Member(name, kind, mode & 0o7777, uid, gid, size, mtime, link, xattrs, device)

    def _parse(self, header: bytes) -> tuple[str, str, tuple[int, int, int, int, int]]:
        try:
            said = int(header[148:156].strip(b" \0") or b"0", 8)
        except ValueError:
            said = -1
        # The checksum counts its own field as eight spaces.
        if said != sum(header) - sum(header[148:156]) + 256:
            raise MalformedError(f"{self._what}: not a tar archive, or damaged (header checksum)")
        name = _text(header[:100])
        if header[257:263] == b"ustar\0" and header[345]:
            name = f"{_text(header[345:500])}/{name}"
        kind = chr(header[156])
        number = self._number
        mode, uid, gid = number(header[100:108]), number(header[108:116]), number(header[116:124])
        return name, kind, (mode, uid, gid, number(header[124:136]), number(header[136:148]))

    def _number(self, field: bytes) -> int:
        if field[0] & 0x80:
            value = int.from_bytes(field, "big", signed=field[0] == 0xFF)
            if field[0] == 0x80:
                value -= 0x80 << (8 * (len(field) - 1))
            return value
        try:
            return int(field.strip(b" \0") or b"0", 8)
        except ValueError:
            raise MalformedError(f"{self._what}: header with a wrong number {field!r}") from None

    def _pax_number(self, extended: dict[str, str | bytes], key: str, other: int) -> int:
        value = extended.get(key)
        if value is None:
            return other
        try:
            number = int(_string(value).partition(".")[0])
        except ValueError:
            raise MalformedError(f"{self._what}: PAX {key} is {value!r:.50}") from None
        if number < 0 and key != "mtime":
            raise MalformedError(f"{self._what}: PAX {key} is negative")
        return number

    def _extend(self, extended: dict[str, str | bytes], kind: str, size: int) -> None:
        if not 0 <= size <= MAX_EXTENDED:
            raise MalformedError(f"{self._what}: extended header of {size} bytes")
        self._left, self._padding = size, -size % BLOCK
        data = self.read_all(MAX_EXTENDED)
        if kind == "L":
            extended["path"] = _text(data)
        elif kind == "K":
            extended["linkpath"] = _text(data)
        elif kind == "x":
            extended.update(self._records(data))

    def _records(self, data: bytes) -> Iterator[tuple[str, str | bytes]]:
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 10)
            digits = data[position:space] if space > 0 else b""
            end = position + int(digits) if digits.isdigit() else 0
            if end <= position or end > len(data) or data[end - 1] != 0x0A:
                raise MalformedError(f"{self._what}: damaged PAX header")
            key, equals, value = data[space + 1 : end - 1].partition(b"=")
            if not equals:
                raise MalformedError(f"{self._what}: damaged PAX header")
            name = _string(key)
            yield name, (value if name.startswith(_XATTR) else _string(value))
            position = end

    def _skip(self) -> None:
        left = self._left + self._padding
        self._left = self._padding = 0
        while left:
            data = self._source.read(min(left, 1 << 20))
            if not data:
                raise MalformedError(f"{self._what}: ends inside a member's data")
            left -= len(data)

    def _exactly(self, size: int, part: str) -> bytes:
        data = self._source.read(size)
        while len(data) < size:
            more = self._source.read(size - len(data))
            if not more:
                raise MalformedError(f"{self._what}: ends inside {part}")
            data += more
        return data


def _text(field: bytes) -> str:
    end = field.find(0)
    return _string(field if end < 0 else field[:end])


def _string(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def header(member: Member) -> bytes:
    """The header block of a member, after a PAX header if ustar cannot hold it.

    Owner and group names, access and change times are never written: owners are numbers.
    """
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
    block = _block(raw_name, member.kind, member.mode, numbers, link[:100], prefix, member.device)
    return _pax(records) + block if records else block


def _block(
    name: bytes,
    kind: str,
    mode: int,
    numbers: Mapping[str, int],
    link: bytes,
    prefix: bytes,
    device: tuple[int, int] = (0, 0),
) -> bytes:
    major, minor = device
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
        major,
        minor,
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

    def add(self, member: Member, data: bytes = b"") -> None:
        """A member with its data at hand; its size is that of the data."""
        if member.kind == FILE and member.size != len(data):
            member = member._replace(size=len(data))
        self._write(header(member))
        if data:
            self._write(data)
            self._write(b"\0" * (-len(data) % BLOCK))

    def end(self) -> None:
        """The two zero blocks that end an archive."""
        self._write(END)
