"""How layers are compressed: by which method, at which level."""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

from ironhull.chunked.writer import VERSION, ChunkedCompressor
from ironhull.definition.model import MAX_LEVEL
from ironhull.errors import InputError
from ironhull.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD
from ironhull.values import dataclass

_DEFAULT = {"zstd": 8, "zstd:chunked": 8, "gzip": 6}


class Compressor(Protocol):
    """Takes all bytes of one layer, in pieces."""

    def compress(self, data: bytes, /) -> bytes:
        """What can be given of the layer by now."""
        ...

    def flush(self) -> bytes:
        """The rest of it."""
        ...


@dataclass(frozen=True, slots=True)
class Compression:
    """How layers are compressed; part of every layer's key."""

    method: str
    level: int

    @classmethod
    def parse(cls, text: str) -> Compression:
        """`zstd`, `zstd:chunked` (by default level 8) or `gzip` (6).

        The level follows after a colon, if one is given: from 1 to that of `MAX_LEVEL`.
        """
        method, colon, level = text.rpartition(":")
        if not colon or not (level.isascii() and level.isdigit()):
            method, level = text, ""
        highest = MAX_LEVEL.get(method)
        if highest is None:
            known = ", ".join(f"{each}[:1-{most}]" for each, most in MAX_LEVEL.items())
            raise InputError(f"unknown compression {text!r} (use one of {known})")
        number = int(level) if level else _DEFAULT[method]
        if not 1 <= number <= highest:
            raise InputError(f"compression {text!r}: levels of {method} are 1 to {highest}")
        return cls(method, number)

    def __str__(self) -> str:
        """As `parse` takes it, with the level."""
        return f"{self.method}:{self.level}"

    @property
    def media_type(self) -> str:
        """Of the layer (image-spec layer.md)."""
        return OCI_LAYER_GZIP if self.method == "gzip" else OCI_LAYER_ZSTD

    @property
    def identity(self) -> str:
        """What decides the compressed bytes: method, level, version of the library."""
        if self.method == "gzip":
            return f"{self}/{zlib.ZLIB_RUNTIME_VERSION}"
        version = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
        return f"{self}/{version}" + (f"/{VERSION}" if self.method == "zstd:chunked" else "")

    def compressor(self) -> Compressor:
        """A new one, for one layer."""
        if self.method == "zstd:chunked":
            return ChunkedCompressor(self.level)
        if self.method == "zstd":
            return zstandard.ZstdCompressor(level=self.level).compressobj()
        # 31: the gzip header, in which zlib writes neither a time nor a name.
        return zlib.compressobj(self.level, zlib.DEFLATED, 31)
