"""Tar archives read as a stream: POSIX ustar and pax, GNU long names, v7 (pax(1), tar(5)).

Made for archives of strangers: every size is bounded, nothing is seeked, nothing but the member at
hand is held. Members come in the archive's order; the content of one is read, or skipped at no
cost, before the next is asked for. What names mean for a file system is the caller's.

Global pax headers are skipped, as container engines do. Sparse members tell their real size; their
content is the archive's condensed form, so `sparse` says not to read it as the file's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ironhull.errors import MalformedError

BLOCK = 512

FILE = "0"
HARD_LINK = "1"
SYMLINK = "2"
CHARACTER = "3"
BLOCK_DEVICE = "4"
DIRECTORY = "5"
FIFO = "6"

_REGULAR = frozenset("\x0007S")
_XATTR = "SCHILY.xattr."
_ZERO = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class TarLimits:
    """What a stranger's archive may cost."""

    members: int = 2_000_000
    name: int = 64 * 1024
    """Bytes of a name or a link's target."""
    pax: int = 1 << 20
    """Bytes of one extended header, which holds extended attributes too."""
    extra_headers: int = 16
    """Extended headers in front of one member."""
    size: int = 1 << 40
    """Bytes of one member."""


@dataclass(slots=True)
class Member:
    """One member as its headers say. Bytes that are not UTF-8 are surrogates (PEP 383)."""

    name: str
    kind: str
    """FILE, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO or another type flag."""
    mode: int
    uid: int
    gid: int
    size: int
    """Bytes of the file as it would be on disk."""
    mtime: int
    link: str
    xattrs: dict[str, bytes] | None = None
    sparse: bool = False


class TarReader:
    """Members of the archive that `chunks` are; `where` begins every message.

    MalformedError if the archive is damaged, ends too early or passes a limit.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_left",
        "_limits",
        "_padding",
        "_position",
        "_where",
        "members",
        "offset",
    )

    def __init__(
        self, chunks: Iterable[bytes], where: str, limits: TarLimits | None = None
    ) -> None:
        self._chunks = iter(chunks)
        self._where = where
        self._limits = limits or TarLimits()
        self._buffer = b""
        self._position = 0
        self._left = 0
        self._padding = 0
        self.members = 0
        self.offset = 0
        """Where the chunk at hand begins in the archive; for messages and seekable archives."""

    def __iter__(self) -> Iterator[Member]:
        while (member := self._next()) is not None:
            yield member

    @property
    def position(self) -> int:
        """Bytes of the archive that are behind: where the current content begins or goes on."""
        return self.offset + self._position

    def head(self, size: int) -> bytes:
        """Up to `size` first bytes of what is left of the content, which stay unread."""
        size = min(size, self._left)
        while len(self._buffer) - self._position < size:
            self._more()
        return self._buffer[self._position : self._position + size]

    def read(self, limit: int) -> bytes | None:
        """The content that is left, or None (and nothing is read) if it is more than `limit`."""
        if self._left > limit:
            return None
        if len(self._buffer) - self._position >= self._left:
            data = self._buffer[self._position : self._position + self._left]
            self._position += self._left
            self._left = 0
            return data
        return b"".join(self.content())

    def content(self) -> Iterator[bytes]:
        """The content that is left, piece by piece."""
        while self._left:
            available = len(self._buffer) - self._position
            if not available:
                self._more()
                continue
            size = min(available, self._left)
            whole = size == len(self._buffer)
            piece = self._buffer if whole else self._buffer[self._position : self._position + size]
            self._position += size
            self._left -= size
            yield piece

    def drain(self) -> None:
        """Read the source to its end: what follows an archive still counts for its digest."""
        self._buffer, self._position = b"", 0
        for _ in self._chunks:
            pass

    def _fail(self, what: str) -> MalformedError:
        return MalformedError(f"{self._where}: tar at byte {self.position}: {what}")

    def _more(self) -> None:
        """Append the next chunk to what is left of the buffer."""
        chunk = next(self._chunks, None)
        if chunk is None:
            raise self._fail("ends in the middle of a member (the archive is cut off)")
        rest = self._buffer[self._position :]
        self.offset += self._position
        self._buffer = rest + chunk if rest else chunk
        self._position = 0

    def _skip(self, size: int) -> None:
        while size > len(self._buffer) - self._position:
            size -= len(self._buffer) - self._position
            self._position = len(self._buffer)
            self._more()
        self._position += size

    def _block(self) -> bytes | None:
        """The next 512 bytes; None at a clean end."""
        position = self._position
        if len(self._buffer) - position < BLOCK:
            while (have := len(self._buffer) - self._position) < BLOCK:
                chunk = next(self._chunks, None)
                if chunk is None:
                    if have:
                        raise self._fail(f"ends with {have} bytes that are no header")
                    return None
                self.offset += self._position
                self._buffer = self._buffer[self._position :] + chunk
                self._position = 0
            position = self._position
        self._position = position + BLOCK
        return self._buffer[position : position + BLOCK]

    def _next(self) -> Member | None:
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        name = link = None
        pax: dict[str, bytes] = {}
        for _ in range(self._limits.extra_headers):
            block = self._block()
            if block is None or block == _ZERO:
                if name is not None or link is not None or pax:
                    raise self._fail("an extended header with no member behind it")
                self._end(block)
                return None
            kind, size = self._checked(block)
            match kind:
                case "L":
                    name = self._extra(size, self._limits.name, "long name").split(b"\0", 1)[0]
                case "K":
                    link = self._extra(size, self._limits.name, "long link").split(b"\0", 1)[0]
                case "x" | "X":
                    pax = self._pax(self._extra(size, self._limits.pax, "extended header"))
                case "g":
                    self._extra(size, self._limits.pax, "global header")
                case _:
                    member = self._member(block, kind, size, (name, link))
                    if pax:
                        self._extend(member, pax)
                    return self._finish(member)
        raise self._fail(f"more than {self._limits.extra_headers} headers for one member")

    def _end(self, block: bytes | None) -> None:
        if block is not None:
            second = self._block()
            if second is not None and second != _ZERO:
                raise self._fail("one block of zeros in the middle of the archive")

    def _checked(self, block: bytes) -> tuple[str, int]:
        """Type flag and size of a header whose checksum holds."""
        said = self._number(block[148:156], "checksum")
        unsigned = sum(block) - sum(block[148:156]) + 256
        if said != unsigned:
            signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
            if said != signed:
                raise self._fail(f"header checksum {said}, expected {unsigned}")
        size = self._number(block[124:136], "size")
        if not 0 <= size <= self._limits.size:
            raise self._fail(f"a member of {size} bytes (limit {self._limits.size})")
        return chr(block[156]), size

    def _extra(self, size: int, limit: int, what: str) -> bytes:
        if size > limit:
            raise self._fail(f"a {what} of {size} bytes (limit {limit})")
        self._left = size
        data = self.read(limit) or b""
        self._skip(-size % BLOCK)
        return data

    def _number(self, field: bytes, what: str) -> int:
        """Octal digits, or GNU's base-256 for what does not fit in them."""
        if field[0] & 0x80:
            value = int.from_bytes(field, "big", signed=field[0] == 0xFF)
            return value if value < 0 else value & ~(0x80 << 8 * (len(field) - 1))
        text = field.split(b"\0", 1)[0].strip()
        try:
            return int(text, 8) if text else 0
        except ValueError:
            raise self._fail(f"{what} is {text!r}, not an octal number") from None

    def _pax(self, data: bytes) -> dict[str, bytes]:
        """Records: a length, a key, `=`, a value, a line feed (pax(1), "extended header")."""
        records: dict[str, bytes] = {}
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 21)
            digits = data[position:space] if space > 0 else b""
            length = int(digits) if digits.isdigit() else 0
            record = data[space + 1 : position + length]
            key, equals, value = record.partition(b"=")
            if position + length > len(data) or record[-1:] != b"\n" or not equals or not key:
                raise self._fail("an extended header that is not made of `length key=value` lines")
            records[key.decode("utf-8", "surrogateescape")] = value[:-1]
            position += length
        return records

    def _member(
        self, block: bytes, kind: str, size: int, long: tuple[bytes | None, bytes | None]
    ) -> Member:
        """The member of a header; `long` are the name and link that GNU headers gave before it."""
        self.members += 1
        if self.members > self._limits.members:
            raise self._fail(f"more than {self._limits.members} members")
        name, link = long
        if name is None:
            name = block[:100].split(b"\0", 1)[0]
            if block[345] and block[257:263] == b"ustar\0":
                name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        if link is None:
            link = block[157:257].split(b"\0", 1)[0]
        real = size
        if kind == "S":
            real = self._number(block[483:495], "real size")
            self._sparse_headers(block[482])
        self._left = size
        return Member(
            name.decode("utf-8", "surrogateescape"),
            kind,
            self._number(block[100:108], "mode") & 0o7777,
            self._number(block[108:116], "uid"),
            self._number(block[116:124], "gid"),
            real,
            self._number(block[136:148], "time"),
            link.decode("utf-8", "surrogateescape"),
            None,
            kind == "S",
        )

    def _extend(self, member: Member, pax: dict[str, bytes]) -> None:
        """Let an extended header overrule the fields of the member behind it."""
        self._left = member.size = self._decimal(pax, "size", self._left)
        member.uid = self._decimal(pax, "uid", member.uid)
        member.gid = self._decimal(pax, "gid", member.gid)
        name, link = pax.get("path"), pax.get("linkpath")
        if any(key.startswith("GNU.sparse.") for key in pax):
            member.sparse = True
            name = pax.get("GNU.sparse.name") or name
            size = self._decimal(pax, "GNU.sparse.size", member.size)
            member.size = self._decimal(pax, "GNU.sparse.realsize", size)
        if name:
            member.name = name.decode("utf-8", "surrogateescape")
        if link:
            member.link = link.decode("utf-8", "surrogateescape")
        xattrs = {key[len(_XATTR) :]: text for key, text in pax.items() if key.startswith(_XATTR)}
        member.xattrs = xattrs or None

    def _finish(self, member: Member) -> Member:
        """Decide what the member is, and how many bytes of the archive are its content."""
        if "\0" in member.name or "\0" in member.link or len(member.name) > self._limits.name:
            raise self._fail(f"a name of {len(member.name)} characters, or with a zero byte in it")
        if member.kind in _REGULAR:
            # v7 archives write a directory as a file whose name ends in a slash.
            directory = member.name.endswith("/") and not self._left
            member.kind = DIRECTORY if directory else FILE
        elif member.kind in "123456":
            # Only files have content; the size of a link is the size of what it points to.
            self._left = member.size = 0
        self._padding = -self._left % BLOCK
        return member

    def _sparse_headers(self, extended: int) -> None:
        """Skip the blocks that continue an old GNU sparse map."""
        blocks = 0
        while extended:
            block = self._block()
            blocks += 1
            if block is None or blocks > self._limits.pax // BLOCK:
                raise self._fail("a sparse map without an end")
            extended = block[504]

    def _decimal(self, pax: dict[str, bytes], key: str, default: int) -> int:
        text = pax.get(key)
        if not text:
            return default
        if not text.isdigit() or len(text) > 20 or int(text) > self._limits.size:
            raise self._fail(f"extended header: {key} is {text!r:.40}")
        return int(text)
