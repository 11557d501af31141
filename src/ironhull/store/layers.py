"""A layer's uncompressed bytes as a bounded, verified stream.

The compression is told from the first bytes, as engines do: media types of old images lie about it.
What is inside the stream (a tar) is for `ironhull.oci.tar` to read.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

import zstandard

from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId, Digest, parse_digest
from ironhull.oci.document import Document
from ironhull.store.blobs import CHUNK
from ironhull.store.layout import ImageLayout

MAX_LAYER = 64 * 1024**3
"""Bytes of one uncompressed layer; more is taken for a bomb."""
_MAX_WINDOW = 1 << 27
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
FOREIGN = {"xz": b"\xfd7zXZ\0", "bzip2": b"BZh"}
"""Compressions that the image specification does not have, by their first bytes."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class LayerStream:
    """Reads an uncompressed layer, counting and hashing what goes by."""

    __slots__ = ("_sha256", "_source", "_what", "limit", "size")

    def __init__(self, source: _Readable, what: str, limit: int) -> None:
        self._source = source
        self._what = what
        self._sha256 = hashlib.sha256()
        self.limit = limit
        self.size = 0

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, empty at the end; MalformedError if the compression is damaged."""
        try:
            data = self._source.read(size)
        except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile, EOFError) as error:
            raise MalformedError(f"{self._what}: damaged compression: {error}") from None
        self._sha256.update(data)
        self.size += len(data)
        if self.size > self.limit:
            raise MalformedError(f"{self._what}: more than {self.limit} bytes when uncompressed")
        return data

    def __iter__(self) -> Iterator[bytes]:
        """What is left, piece by piece."""
        while data := self.read(CHUNK):
            yield data

    def finish(self, expected: DiffId | Digest) -> None:
        """Read the rest; UntrustedError if all bytes together are not `expected`."""
        for _ in self:
            pass
        found = "sha256:" + self._sha256.hexdigest()
        if found != expected:
            raise UntrustedError(
                f"{self._what}: its content is {found}, the image's config says {expected}"
            )


def foreign_compression(start: bytes) -> str:
    """The name of a compression that is in no specification, by the first bytes; else empty."""
    return next((name for name, magic in FOREIGN.items() if start.startswith(magic)), "")


@contextmanager
def open_layer(
    layout: ImageLayout, layer: Descriptor, limit: int = MAX_LAYER
) -> Iterator[LayerStream]:
    """The layer's uncompressed tar. Call `finish` of it when all of it has to be true."""
    what = f"layer {layer.digest}"
    with layout.blobs.open(layer.digest) as file, _decompressed(file) as source:
        yield LayerStream(source, what, limit)


@contextmanager
def _decompressed(file: BinaryIO) -> Iterator[_Readable]:
    magic = file.read(6)
    file.seek(0)
    if found := foreign_compression(magic):
        raise MalformedError(
            f"a layer compressed with {found}, which the image specification does not have"
        )
    if magic[:4] == _ZSTD:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        with decompressor.stream_reader(file, read_across_frames=True) as zstd:
            yield zstd
    elif magic[:2] == _GZIP:
        with gzip.GzipFile(fileobj=file) as gz:
            yield gz
    else:
        yield file


def image_layers(layout: ImageLayout, manifest: Document) -> list[tuple[Descriptor, DiffId]]:
    """The manifest's layers with the digests of their content, lowest first."""
    config = layout.document(manifest.config.digest).value
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    layers = manifest.layers
    if not isinstance(diff_ids, list) or len(diff_ids) != len(layers):
        raise MalformedError(
            f"config {manifest.config.digest} does not list one diff_id for each of the "
            f"{len(layers)} layers of {manifest.digest} (is it an image?)"
        )
    return [
        (layer, DiffId(parse_digest(diff_id)))
        for layer, diff_id in zip(layers, diff_ids, strict=True)
    ]
