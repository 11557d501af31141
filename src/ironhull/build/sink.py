"""A layer while it is written: tar bytes in, compressed bytes into the store, both digests out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable

from ironhull.build.compression import Compression
from ironhull.build.elf import MAGIC, Elf, read_elf
from ironhull.chunked.writer import ChunkedCompressor
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar_writer import END, TarHeader, header_bytes
from ironhull.store.blobs import BlobWriter

# Small enough to stay in the processor's cache between hashing and compressing.
_CHUNK = 1 << 18
# Larger programs go through a temporary file: their headers are read after their last byte.
_IN_MEMORY = 4 << 20


class LayerSink:
    """A layer on its way into the store: takes tar bytes, gives digest and diff_id at the end."""

    def __init__(self, blob: BlobWriter, compression: Compression) -> None:
        self._blob = blob
        self._media_type = compression.media_type
        self._compressor = compression.compressor()
        self._sha256 = hashlib.sha256()
        self._pending: list[bytes] = []
        self._held = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append tar bytes; small pieces are gathered first."""
        self._pending.append(data)
        self._held += len(data)
        if self._held >= _CHUNK:
            self._drain()

    def member(self, member: TarHeader, data: bytes = b"") -> None:
        """Append a member and its data, which are at hand."""
        self.write(header_bytes(member))
        if data:
            self.write(data)
            self.pad(len(data))

    def pad(self, size: int) -> None:
        """Fill up the last block of a member of `size` bytes."""
        if size % 512:
            self.write(b"\0" * (-size % 512))

    def finish(self) -> DiffId:
        """End the archive; the blob is complete afterwards."""
        self.write(END)
        self._drain()
        self._blob.write(self._compressor.flush())
        return DiffId("sha256:" + self._sha256.hexdigest())

    def descriptor(self) -> Descriptor:
        """Of the finished layer; a chunked one's says where its table of contents is."""
        compressor = self._compressor
        said = compressor.annotations if isinstance(compressor, ChunkedCompressor) else {}
        return Descriptor(self._media_type, self._blob.digest, self._blob.size, said)

    def _drain(self) -> None:
        # The pieces of a large file come alone: joining would copy them.
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self._held = 0
        self.size += len(data)
        self._sha256.update(data)
        out = self._compressor.compress(data)
        if out:
            self._blob.write(out)


def copy_content(
    sink: LayerSink,
    first: bytes,
    pieces: Iterable[bytes],
    size: int,
    watch: Callable[[bytes], object],
    where: str,
) -> tuple[str, Elf | None]:
    """Copy a file's content into a layer; the line after `#!` and the facts of an ELF file.

    `first` is how the content begins, of which `pieces` are all; `watch` sees each piece; `where`
    begins the message if the file cannot be.
    """
    elf = None
    # Only of programs is the whole content kept: everything else passes by, piece by piece.
    if first.startswith(MAGIC):
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            for piece in pieces:
                watch(piece)
                sink.write(piece)
                spool.write(piece)
            spool.seek(0)
            elf = read_elf(spool, size, where)  # type: ignore[arg-type]
    else:
        for piece in pieces:
            watch(piece)
            sink.write(piece)
    sink.pad(size)
    return shebang_of(first), elf


def shebang_of(first: bytes) -> str:
    """The line after `#!` as the kernel reads it: a carriage return is part of the interpreter."""
    if not first.startswith(b"#!"):
        return ""
    return first[2:256].partition(b"\n")[0].decode("utf-8", "replace").strip(" \t")
