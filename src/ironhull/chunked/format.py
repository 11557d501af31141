"""Where the parts of a zstd:chunked layer are, and how that is said (containers/storage 1.46 on).

A layer is zstd frames, then three skippable ones, which decompressors pass over: the table of
contents, tar-split's record of the archive's headers (both compressed), and a footer that says
where those are. The layer's descriptor says it too, with the digest of the table: who trusts the
manifest can trust the table, and through it the digest of every file.
"""

from __future__ import annotations

import struct

from ironhull.oci.digest import Digest
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


def told(table: Part, checksum: Digest, split: Part, split_checksum: Digest) -> dict[str, str]:
    """What the layer's descriptor says of it."""
    return {
        CHECKSUM: checksum,
        POSITION: f"{table.offset}:{table.size}:{table.unpacked}:{_KIND}",
        SPLIT_CHECKSUM: split_checksum,
        SPLIT_POSITION: f"{split.offset}:{split.size}:{split.unpacked}",
    }
