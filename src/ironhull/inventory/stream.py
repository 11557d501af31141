"""A stored layer as a stream of tar bytes: decompressed in a thread, held to its digests.

What arrives is measured before it is believed: the digest of the stored bytes, the digest of the
tar (config.md, "Layer DiffID"), and how far a few bytes may swell.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import queue
import threading
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

import zstandard

from ironhull.errors import MalformedError, UntrustedError
from ironhull.store.layers import FOREIGN, foreign_compression
from ironhull.values import dataclass

CHUNK = 1 << 20
"""Bytes of tar handed on at most; of fewer, two threads wait for each other more often."""
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
_STORED = 64 * 1024
_AHEAD = 2
_WINDOW = 1 << 27
"""Bytes of memory that a zstd frame may ask for; what the zstd command allows by default."""
_XZ_MEMORY = 1 << 28
"""Bytes of memory that xz may ask for: `xz -9` needs 65 MiB to read."""


class Readable(Protocol):
    """The little of a binary file that a layer needs."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """When compressed bytes count as a bomb."""

    uncompressed: int = 1 << 36
    """Bytes of one layer's tar."""
    ratio: int = 200
    """How far a layer may swell once it is larger than `ratio_from` bytes."""
    ratio_from: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Expected:
    """What the manifest and the config say of a layer; None where they say nothing."""

    where: str
    digest: str | None = None
    diff_id: str | None = None
    size: int | None = None


class LayerStream:
    """Uncompressed chunks of a layer. Use as a context manager and iterate once, to the end.

    UntrustedError if digests or size do not hold, MalformedError for damaged or swelling data.
    `digest`, `diff_id`, `stored` and `uncompressed` are right when the iteration has ended.
    """

    def __init__(
        self, file: Readable, expected: Expected, limits: StreamLimits | None = None
    ) -> None:
        self._file = file
        self._expected = expected
        self._limits = limits or StreamLimits()
        self._stored_hash = hashlib.sha256()
        self._tar_hash = hashlib.sha256()
        self.stored = 0
        self.uncompressed = 0
        self.compression = ""
        """The name of a foreign compression, once reading has begun."""
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="layer", daemon=True)

    def __enter__(self) -> LayerStream:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Not read to the end, as when the reader raised: nothing is verified then, and nothing
        # hangs.
        self._stopped.set()
        while self._thread.is_alive():
            # A full queue holds the thread; taking from it lets the thread see that it may stop.
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    @property
    def digest(self) -> str:
        """Of what was read so far, as it is stored."""
        return "sha256:" + self._stored_hash.hexdigest()

    @property
    def diff_id(self) -> str:
        """Of the tar that was read so far."""
        return "sha256:" + self._tar_hash.hexdigest()

    def _feed(self) -> None:
        try:
            for chunk in self._tar():
                # Hashing and unpacking let go of Python's lock, so this thread runs beside the
                # reader.
                if self._tar_hash is not self._stored_hash:
                    self._tar_hash.update(chunk)
                self._queue.put(chunk)
                if self._stopped.is_set():
                    return
            self._verify()
        except BaseException as error:
            self._queue.put(error)
        else:
            self._queue.put(None)

    def read(self, size: int, /) -> bytes:
        """Stored bytes for the decompressors, measured on their way."""
        data = self._file.read(size)
        self._stored_hash.update(data)
        self.stored += len(data)
        expected = self._expected.size
        if expected is not None and self.stored > expected:
            raise UntrustedError(
                f"{self._expected.where}: more than the {expected} bytes that the manifest says"
            )
        return data

    def _tar(self) -> Iterator[bytes]:
        first = self.read(_STORED)
        self.compression = foreign_compression(first)
        if first.startswith(_ZSTD):
            chunks = self._zstd(first)
        elif first.startswith(_GZIP):
            chunks = self._gzip(first)
        elif self.compression:
            chunks = self._foreign(first)
        else:
            # The bytes that are stored are the tar: one digest is both.
            self._tar_hash = self._stored_hash
            chunks = self._plain(first)
        for chunk in chunks:
            # Measured piece by piece: a bomb is stopped after one piece too many, not after the
            # last.
            self.uncompressed += len(chunk)
            self._bounded()
            yield chunk

    def _plain(self, first: bytes) -> Iterator[bytes]:
        while first:
            yield first
            first = self.read(CHUNK)

    def _gzip(self, data: bytes) -> Iterator[bytes]:
        """Members one after the other (RFC 1952, 2.2); zeros may follow the last one."""
        member = zlib.decompressobj(31)
        started = ended = False
        try:
            while not ended or started:
                if not data and not ended:
                    data = self.read(_STORED)
                    ended = not data
                # Between members only zeros are padding; anything else has to be the next member.
                if not started and not data.strip(b"\0"):
                    data = b""
                    continue
                started = True
                chunk = member.decompress(data, CHUNK)
                if chunk:
                    yield chunk
                elif ended and not member.eof:
                    raise MalformedError(f"{self._expected.where}: gzip data that ends too early")
                data = member.unconsumed_tail
                if member.eof:
                    data = member.unused_data
                    member, started = zlib.decompressobj(31), False
        except zlib.error as error:
            raise MalformedError(f"{self._expected.where}: damaged gzip data: {error}") from None

    def _foreign(self, data: bytes) -> Iterator[bytes]:
        """Streams of xz or bzip2, one after the other; zeros may follow one of xz."""
        name, magic = self.compression, FOREIGN[self.compression]
        try:
            while data:
                stream = _foreign_decompressor(name)
                while not stream.eof:
                    if stream.needs_input:
                        data = data or self.read(_STORED)
                        if not data:
                            raise MalformedError(
                                f"{self._expected.where}: {name} data that ends too early"
                            )
                    chunk = stream.decompress(data, CHUNK)
                    data = b""
                    if chunk:
                        yield chunk
                # The next stream's magic may lie across two reads.
                data = stream.unused_data.lstrip(b"\0")
                while len(data) < len(magic) and (more := self.read(_STORED)):
                    data = (data + more).lstrip(b"\0")
        except (lzma.LZMAError, OSError, EOFError) as error:
            raise MalformedError(f"{self._expected.where}: damaged {name} data: {error}") from None

    def _zstd(self, first: bytes) -> Iterator[bytes]:
        source = _Joined(first, self)
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
            source,  # type: ignore[arg-type]
            read_across_frames=True,
        )
        try:
            while chunk := reader.read(CHUNK):
                yield chunk
        except zstandard.ZstdError as error:
            raise MalformedError(f"{self._expected.where}: damaged zstd data: {error}") from None

    def _bounded(self) -> None:
        limits, size = self._limits, self.uncompressed
        if size > limits.uncompressed:
            raise MalformedError(
                f"{self._expected.where}: larger than {limits.uncompressed} bytes uncompressed"
            )
        # Small layers of zeros swell a thousandfold and harm nobody.
        if size > limits.ratio_from and size > self.stored * limits.ratio:
            raise MalformedError(
                f"{self._expected.where}: {self.stored} bytes swell to more than {size}, "
                f"over {limits.ratio}-fold: a decompression bomb"
            )

    def _verify(self) -> None:
        expected = self._expected
        if expected.size is not None and self.stored != expected.size:
            raise UntrustedError(
                f"{expected.where}: expected {expected.size} bytes, got {self.stored}"
            )
        if expected.digest is not None and self.digest != expected.digest:
            raise UntrustedError(f"{expected.where}: the bytes have the digest {self.digest}")
        if expected.diff_id is not None and self.diff_id != expected.diff_id:
            raise UntrustedError(
                f"{expected.where}: the config says diff_id {expected.diff_id}, "
                f"the tar has {self.diff_id}"
            )


def is_plain(first: bytes) -> bool:
    """Whether a layer that begins so is a tar that nobody compressed."""
    return not first.startswith((_ZSTD, _GZIP)) and not foreign_compression(first)


def _foreign_decompressor(name: str) -> lzma.LZMADecompressor | bz2.BZ2Decompressor:
    if name == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    return bz2.BZ2Decompressor()


class _Joined:
    """Bytes already read, then the rest of a stream."""

    def __init__(self, first: bytes, rest: Readable) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
            return data
        return self._rest.read(size)
