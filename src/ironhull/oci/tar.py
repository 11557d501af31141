"""Tar archives read as a stream: POSIX ustar and pax, GNU long names, v7 (pax(1), tar(5)).

Made for archives of strangers: every size is bounded, nothing is seeked, nothing but the member at
hand is held. Members come in the archive's order; the content of one is read, or skipped at no
cost, before the next is asked for. What names mean for a file system is the caller's.

Global pax headers are skipped, as container engines do. The content of a sparse member is the
file's as it would be on disk, its holes as zeros; `sparse` says that the archive holds less.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

from ironhull.errors import MalformedError
from ironhull.oci import tar_sparse
from ironhull.oci.tar_sparse import Extent, Holed, SparseError
from ironhull.values import dataclass

BLOCK = 512

FILE = "0"
HARD_LINK = "1"
SYMLINK = "2"
CHARACTER = "3"
BLOCK_DEVICE = "4"
DIRECTORY = "5"
FIFO = "6"

_REGULAR = frozenset("\x0007S")
_EXTENDED = frozenset("LKgxX")
_XATTR = "SCHILY.xattr."
_ZERO = bytes(BLOCK)
# name, mode with uid and gid, size, time, checksum, type flag, link, magic, prefix
_HEADER = struct.Struct("100s24s12s12s8sc100s6s82x155s12x")
_KINDS = {bytes([code]): chr(code) for code in range(256)}
_MAX_NUMBERS = 1 << 14


@dataclass(frozen=True, slots=True)
class TarLimits:
    """What a stranger's archive may cost."""

    members: int = 2_000_000
    name: int = 64 * 1024
    """Bytes of a name or a link's target."""
    pax: int = 1 << 20
    """Bytes of one extended header, which holds extended attributes too, or of a sparse map."""
    extra_headers: int = 16
    """Extended headers in front of one member."""
    size: int = 1 << 40
    """Bytes of one member."""
    holes: int = 1 << 36
    """Bytes of holes that are given out as content, in all."""


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

    `pass_over`, where the source has it, leaves out bytes that follow the chunks so far, and gives
    how many of them there were: content that nobody asks for is then not read.
    MalformedError if the archive is damaged, ends too early or passes a limit.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_holed",
        "_holes",
        "_left",
        "_limits",
        "_numbers",
        "_owners",
        "_padding",
        "_pass_over",
        "_position",
        "_sums",
        "_where",
        "members",
        "offset",
    )

    def __init__(
        self,
        chunks: Iterable[bytes],
        where: str,
        limits: TarLimits | None = None,
        pass_over: Callable[[int], int] | None = None,
    ) -> None:
        self._chunks = iter(chunks)
        self._pass_over = pass_over
        self._where = where
        self._limits = limits or TarLimits()
        self._buffer = b""
        self._position = 0
        self._left = 0
        self._padding = 0
        self._holed: Holed | None = None
        self._holes = 0
        # What headers say again and again, as it was read the first time.
        self._numbers: dict[bytes, int] = {}
        self._owners: dict[bytes, tuple[int, int, int]] = {}
        self._sums: dict[bytes, int] = {}
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
        if self._holed is not None:
            return self._holed.head(size)
        position = self._position
        end = position + min(size, self._left)
        return self._buffer[position:end] if end <= len(self._buffer) else self.peek(size)

    def peek(self, size: int) -> bytes:
        """Up to `size` first bytes of what the archive holds of the content, a sparse one's too."""
        size = min(size, self._left)
        while len(self._buffer) - self._position < size:
            self._more()
        return self._buffer[self._position : self._position + size]

    def read(self, limit: int) -> bytes | None:
        """The content that is left, or None (and nothing is read) if it is more than `limit`."""
        if self._holed is not None:
            return None if self._holed.left > limit else b"".join(self._charged(self._holed))
        if self._left > limit:
            return None
        if len(self._buffer) - self._position >= self._left:
            data = self._buffer[self._position : self._position + self._left]
            self._position += self._left
            self._left = 0
            return data
        # Joined, all pieces would be there beside the whole.
        whole = BytesIO()
        for piece in self._stored():
            whole.write(piece)
        return whole.getvalue()

    def content(self) -> Iterator[bytes]:
        """The content that is left, piece by piece.

        Pieces of a hole are tar_sparse.HOLE itself, but for its end: who writes a file may seek.
        """
        return self._stored() if self._holed is None else self._charged(self._holed)

    def _stored(self) -> Iterator[bytes]:
        """What the archive holds of the content and is left."""
        while self._left:
            yield self.piece(self._left)

    def piece(self, limit: int) -> bytes:
        """At least one of the stored bytes that are left, at most `limit`; for sparse maps."""
        while (available := len(self._buffer) - self._position) == 0:
            self._more()
        size = min(available, self._left, limit)
        whole = size == len(self._buffer)
        piece = self._buffer if whole else self._buffer[self._position : self._position + size]
        self._position += size
        self._left -= size
        return piece

    def drain(self) -> None:
        """Read the source to its end: what follows an archive still counts for its digest."""
        self._buffer, self._position = b"", 0
        for _ in self._chunks:
            pass

    def _fail(self, what: str) -> MalformedError:
        return MalformedError(f"{self._where}: tar at byte {self.position}: {what}")

    def _cut_off(self) -> MalformedError:
        return self._fail("ends in the middle of a member (the archive is cut off)")

    def _more(self) -> None:
        """Append the next chunk to what is left of the buffer."""
        chunk = next(self._chunks, None)
        if chunk is None:
            raise self._cut_off()
        rest = self._buffer[self._position :]
        self.offset += self._position
        self._buffer = rest + chunk if rest else chunk
        self._position = 0

    def _skip(self, size: int) -> None:
        if size <= len(self._buffer) - self._position:
            self._position += size
            return
        if self._pass_over is not None:
            size -= len(self._buffer) - self._position
            passed = self._pass_over(size)
            self.offset += len(self._buffer) + passed
            self._buffer, self._position = b"", 0
            if passed < size:
                raise self._cut_off()
            return
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
        if self._left or self._padding:
            self._skip(self._left + self._padding)
            self._left = self._padding = 0
        self._holed = None
        name = link = None
        pax: list[tuple[str, bytes]] = []
        for _ in range(self._limits.extra_headers):
            block = self._block()
            if block is None or block == _ZERO:
                if name is not None or link is not None or pax:
                    raise self._fail("an extended header with no member behind it")
                self._end(block)
                return None
            fields = _HEADER.unpack(block)
            self._check(block, fields[4])
            size = self._number(fields[2], "size")
            if not 0 <= size <= self._limits.size:
                raise self._fail(f"a member of {size} bytes (limit {self._limits.size})")
            kind = _KINDS[fields[5]]
            if kind not in _EXTENDED:
                member = self._member(fields, kind, size, name, link)
                if pax:
                    self._extend(member, dict(pax))
                self._finish(member)
                if member.sparse:
                    self._holed = self._sparse(member, block, pax)
                return member
            match kind:
                case "L":
                    name = self._extra(size, self._limits.name, "long name").split(b"\0", 1)[0]
                case "K":
                    link = self._extra(size, self._limits.name, "long link").split(b"\0", 1)[0]
                case "g":
                    self._extra(size, self._limits.pax, "global header")
                case _:
                    pax = self._pax(self._extra(size, self._limits.pax, "extended header"))
        raise self._fail(f"more than {self._limits.extra_headers} headers for one member")

    def _end(self, block: bytes | None) -> None:
        if block is not None:
            second = self._block()
            if second is not None and second != _ZERO:
                raise self._fail("one block of zeros in the middle of the archive")

    def _check(self, block: bytes, field: bytes) -> None:
        """Hold a header to its checksum, of unsigned bytes or, as old tars did, signed ones."""
        # Half of Adler-32 is one more than the sum of the bytes, as long as that is less than
        # 65521; 512 bytes below 128 always are. It takes a tenth of the time of `sum`.
        total = (zlib.adler32(block) & 0xFFFF) - 1 if block.isascii() else sum(block)
        if self._sums.get(field) == total:
            return
        said = self._number(field, "checksum")
        unsigned = total - sum(field) + 256
        if said == unsigned:
            if len(self._sums) < _MAX_NUMBERS:
                self._sums[field] = total
        else:
            signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
            if said != signed:
                raise self._fail(f"header checksum {said}, expected {unsigned}")

    def _extra(self, size: int, limit: int, what: str) -> bytes:
        if size > limit:
            raise self._fail(f"a {what} of {size} bytes (limit {limit})")
        self._left = size
        data = self.read(limit) or b""
        self._skip(-size % BLOCK)
        return data

    def _number(self, field: bytes, what: str) -> int:
        """Octal digits, or GNU's base-256 for what does not fit in them; most are known already."""
        number = self._numbers.get(field)
        if number is not None:
            return number
        if field[0] & 0x80:
            number = int.from_bytes(field, "big", signed=field[0] == 0xFF)
            return number if number < 0 else number & ~(0x80 << 8 * (len(field) - 1))
        text = field.split(b"\0", 1)[0].strip()
        try:
            number = int(text, 8) if text else 0
        except ValueError:
            raise self._fail(f"{what} is {text!r}, not an octal number") from None
        if len(self._numbers) < _MAX_NUMBERS:
            self._numbers[field] = number
        return number

    def _pax(self, data: bytes) -> list[tuple[str, bytes]]:
        """Records: a length, a key, `=`, a value, a line feed (pax(1), "extended header")."""
        records: list[tuple[str, bytes]] = []
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 21)
            digits = data[position:space] if space > 0 else b""
            length = int(digits) if digits.isdigit() else 0
            record = data[space + 1 : position + length]
            key, equals, value = record.partition(b"=")
            # Without a length nothing would be behind: the records before would come again.
            whole = length and position + length <= len(data) and record[-1:] == b"\n"
            if not whole or not equals or not key:
                raise self._fail("an extended header that is not made of `length key=value` lines")
            records.append((key.decode("utf-8", "surrogateescape"), value[:-1]))
            position += length
        return records

    def _member(
        self,
        fields: tuple[bytes, ...],
        kind: str,
        size: int,
        name: bytes | None,
        link: bytes | None,
    ) -> Member:
        """The member of a header; `name` and `link` are what GNU headers gave before it."""
        self.members += 1
        if self.members > self._limits.members:
            raise self._fail(f"more than {self._limits.members} members")
        if name is None:
            name = fields[0].split(b"\0", 1)[0]
            prefix = fields[8]
            if prefix[0] and fields[7] == b"ustar\0":
                name = prefix.split(b"\0", 1)[0] + b"/" + name
        if link is None:
            link = fields[6].split(b"\0", 1)[0] if fields[6][0] else b""
        self._left = size
        mode, uid, gid = self._owners.get(fields[1]) or self._owner(fields[1])
        return Member(
            name.decode("utf-8", "surrogateescape"),
            kind,
            mode,
            uid,
            gid,
            size,
            self._number(fields[3], "time"),
            link.decode("utf-8", "surrogateescape") if link else "",
            None,
            kind == "S",
        )

    def _owner(self, field: bytes) -> tuple[int, int, int]:
        """Mode, uid and gid, which stand side by side in a header."""
        mode = self._number(field[:8], "mode") & 0o7777
        owner = mode, self._number(field[8:16], "uid"), self._number(field[16:], "gid")
        if len(self._owners) < _MAX_NUMBERS:
            self._owners[field] = owner
        return owner

    def _extend(self, member: Member, pax: dict[str, bytes]) -> None:
        """Let an extended header overrule the fields of the member behind it."""
        self._left = member.size = self._decimal(pax, "size", self._left)
        member.uid = self._decimal(pax, "uid", member.uid)
        member.gid = self._decimal(pax, "gid", member.gid)
        name, link = pax.get("path"), pax.get("linkpath")
        if tar_sparse.is_sparse(pax):
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

    def _finish(self, member: Member) -> None:
        """Decide what the member is, and how many bytes of the archive are its content."""
        name = member.name
        if "\0" in name or "\0" in member.link or len(name) > self._limits.name:
            raise self._fail(f"a name of {len(name)} characters, or with a zero byte in it")
        if member.kind in _REGULAR:
            # v7 archives write a directory as a file whose name ends in a slash.
            directory = name[-1:] == "/" and not self._left
            member.kind = DIRECTORY if directory else FILE
        elif member.kind in "123456":
            # Only files have content; the size of a link is the size of what it points to.
            self._left = member.size = 0
        self._padding = -self._left % BLOCK

    def _decimal(self, pax: dict[str, bytes], key: str, default: int) -> int:
        text = pax.get(key)
        if not text:
            return default
        if not text.isdigit() or len(text) > 20 or int(text) > self._limits.size:
            raise self._fail(f"extended header: {key} is {text!r:.40}")
        return int(text)

    def _sparse(self, member: Member, block: bytes, pax: list[tuple[str, bytes]]) -> Holed | None:
        """The content of a sparse member by its map, which may be in the header or before it."""
        if member.kind != FILE:
            member.sparse = False
            return None
        limit = self._limits.pax
        try:
            if tar_sparse.is_sparse(dict(pax)):
                extents = tar_sparse.pax_extents(pax)
                if extents is None:
                    extents = tar_sparse.counted_extents(self, self._left, limit)
            else:
                extents = self._old_map(member, block)
            extents = tar_sparse.checked(extents, member.size, self._left)
        except SparseError as error:
            raise self._fail(str(error)) from None
        return Holed(self, extents, member.size)

    def _charged(self, holed: Holed) -> Iterator[bytes]:
        """The content of a sparse member, as long as such content is not too much in all."""
        # Holes come for nothing, and cost time when they are given out.
        self._holes += holed.left - self._left
        if self._holes > self._limits.holes:
            raise self._fail(f"holes of more than {self._limits.holes} bytes in all")
        return holed.content()

    def _old_map(self, member: Member, block: bytes) -> list[Extent]:
        member.size = self._number(block[483:495], "real size")
        if not 0 <= member.size <= self._limits.size:
            raise self._fail(f"a member of {member.size} bytes (limit {self._limits.size})")
        fields = tar_sparse.old_entries(block[386:482])
        extended = block[482]
        blocks = 0
        while extended:
            more = self._block()
            blocks += 1
            if more is None or blocks > self._limits.pax // BLOCK:
                raise self._fail("a sparse map without an end")
            fields += tar_sparse.old_entries(more[:504])
            extended = more[504]
        return [(self._number(at, "offset"), self._number(size, "size")) for at, size in fields]
