"""Small chunked layers for tests, and what a decompressor finds in them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard

from ironhull.chunked.format import (
    CHECKSUM,
    POSITION,
    SPLIT_POSITION,
    TAIL,
    Part,
    footer,
    skippable,
)
from ironhull.chunked.writer import ChunkedCompressor
from ironhull.oci.tar_writer import TarHeader, TarWriter

Members = list[tuple[TarHeader, bytes]]


@dataclass(frozen=True)
class Layer:
    tar: bytes
    blob: bytes
    annotations: Mapping[str, str]

    def unpacked(self) -> bytes:
        reader = zstandard.ZstdDecompressor().stream_reader(
            io.BytesIO(self.blob), read_across_frames=True
        )
        return reader.read()

    def table(self) -> dict[str, Any]:
        return json.loads(self.part(POSITION))

    def split(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.part(SPLIT_POSITION).splitlines()]

    def part(self, annotation: str) -> bytes:
        offset, size, *_ = map(int, self.annotations[annotation].split(":"))
        return frame(self.blob[offset : offset + size])


def frame(data: bytes) -> bytes:
    """What exactly one frame decompresses to."""
    stream = zstandard.ZstdDecompressor().decompressobj()
    content = stream.decompress(data)
    assert stream.eof
    assert not stream.unused_data
    return content


def archive(members: Members) -> bytes:
    pieces: list[bytes] = []
    writer = TarWriter(pieces.append)
    for header, data in members:
        writer.add(header, data)
    writer.end()
    return b"".join(pieces)


def layer(members: Members, piece: int = 1 << 20) -> Layer:
    """The archive compressed, given to the compressor in pieces of this size."""
    tar = archive(members)
    compressor = ChunkedCompressor(3)
    out = [compressor.compress(tar[at : at + piece]) for at in range(0, len(tar), piece)]
    return Layer(tar, b"".join([*out, compressor.flush()]), compressor.annotations)


def with_table(made: Layer, change: Callable[[dict[str, Any]], object]) -> Layer:
    """The layer with another table of contents, whose digest its annotations have."""
    offset, size, _, kind = made.annotations[POSITION].split(":")
    table = made.table()
    change(table)
    raw = json.dumps(table).encode()
    packed = zstandard.ZstdCompressor().compress(raw)
    rest = made.blob[int(offset) + int(size) : -TAIL]
    part = Part(int(offset), len(packed), len(raw))
    split_offset, split_size, split_unpacked = map(int, made.annotations[SPLIT_POSITION].split(":"))
    moved = len(packed) - int(size)
    split = Part(split_offset + moved, split_size, split_unpacked)
    blob = made.blob[: int(offset) - 8] + skippable(packed) + rest + skippable(footer(part, split))
    said = {
        **made.annotations,
        POSITION: f"{part.offset}:{part.size}:{part.unpacked}:{kind}",
        CHECKSUM: "sha256:" + hashlib.sha256(packed).hexdigest(),
        SPLIT_POSITION: f"{split.offset}:{split.size}:{split.unpacked}",
    }
    return Layer(made.tar, blob, said)
