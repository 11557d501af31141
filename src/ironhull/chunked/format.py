"""Where the parts of a zstd:chunked layer are, and how that is said (containers/storage 1.46 on).

A layer is zstd frames, then three skippable ones, which decompressors pass over: the table of
contents, tar-split's record of the archive's headers (both compressed), and a footer that says
where those are. The layer's descriptor says it too, with the digest of the table: who trusts the
manifest can trust the table, and through it the digest of every file. Who reads zstd reads such a
layer too (docs/compatibility.md, *pull zstd:chunked*).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest, parse_digest
from ironhull.values import dataclass

CHECKSUM = "io.github.containers.zstd-chunked.manifest-checksum"
POSITION = "io.github.containers.zstd-chunked.manifest-position"
SPLIT_POSITION = "io.github.containers.zstd-chunked.tarsplit-position"
SPLIT_CHECKSUM = "io.github.containers.zstd-chunked.tarsplit-checksum"
"""For readers before containers/storage 1.55; the table has it for those since."""

SKIPPABLE = b"\x50\x2a\x4d\x18"
HEAD = 8
"""Bytes of a skippable frame before its content (RFC 8878, 3.1.2)."""
_MAGIC = b"GNUlInUx"
_KIND = 1
_FOOTER = struct.Struct("<7Q8s")
TAIL = HEAD + _FOOTER.size
"""Bytes of the frame that ends a layer."""
MAX_TABLE = 32 << 20
"""Bytes of a table that is read, compressed or not: of some 150,000 files. Layers of more are taken
whole; containers/storage reads up to 150 MiB."""
_NUMBERS = re.compile(r"[0-9]{1,18}(?::[0-9]{1,18}){3}")


@dataclass(frozen=True, slots=True)
class Part:
    """A compressed part of a layer: where it begins, its bytes, and those it decompresses to."""

    offset: int
    size: int
    unpacked: int

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.size


def skippable(content: bytes) -> bytes:
    """A frame that decompressors pass over."""
    return SKIPPABLE + struct.pack("<I", len(content)) + content


def footer(table: Part, split: Part) -> bytes:
    """The content of a layer's last frame."""
    numbers = (table.offset, table.size, table.unpacked, _KIND)
    return _FOOTER.pack(*numbers, split.offset, split.size, split.unpacked, _MAGIC)


def footer_table(tail: bytes, size: int) -> Part | None:
    """The table by the last TAIL bytes of a layer of `size` bytes; None: it has no table."""
    head = SKIPPABLE + struct.pack("<I", _FOOTER.size)
    if len(tail) != TAIL or not tail.startswith(head) or not tail.endswith(_MAGIC):
        return None
    offset, packed, unpacked, kind, *_ = _FOOTER.unpack(tail[HEAD:])
    part = Part(offset, packed, unpacked)
    return part if kind == _KIND and _fits(part, size) else None


def told(table: Part, checksum: Digest, split: Part, split_checksum: Digest) -> dict[str, str]:
    """What the layer's descriptor says of it."""
    return {
        CHECKSUM: checksum,
        POSITION: f"{table.offset}:{table.size}:{table.unpacked}:{_KIND}",
        SPLIT_CHECKSUM: split_checksum,
        SPLIT_POSITION: f"{split.offset}:{split.size}:{split.unpacked}",
    }


def annotated_table(said: Mapping[str, str], size: int) -> tuple[Part, Digest] | None:
    """The table and its digest by the annotations of a layer of `size` bytes; None: it has none.

    MalformedError if they cannot be true.
    """
    checksum, position = said.get(CHECKSUM), said.get(POSITION)
    if checksum is None:
        return None
    if position is None or not _NUMBERS.fullmatch(position):
        raise MalformedError(
            f"annotation {POSITION} is {position!r:.100}, expected offset:size:unpacked:1"
        )
    offset, packed, unpacked, kind = map(int, position.split(":"))
    part = Part(offset, packed, unpacked)
    if kind != _KIND or not _fits(part, size):
        raise MalformedError(
            f"annotation {POSITION} is {position}: no table of at most {MAX_TABLE} bytes "
            f"in a layer of {size}"
        )
    return part, parse_digest(checksum)


def _fits(part: Part, size: int) -> bool:
    small = max(part.size, part.unpacked) <= MAX_TABLE
    return small and part.size > 0 and part.offset >= HEAD and part.end + TAIL <= size
