"""How layers are compressed: by which method, at which level."""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

from ironhull.errors import InputError
from ironhull.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD
from ironhull.values import dataclass


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Compression:
    """How layers are compressed; part of every layer's key."""

    method: str
    level: int

    @classmethod
    def parse(cls, text: str) -> Compression:
        """`zstd[:LEVEL]` (1 to 19, default 8) or `gzip[:LEVEL]` (1 to 9, default 6)."""
        method, _, level = text.partition(":")
        limits = {"zstd": (8, 19), "gzip": (6, 9)}
        if method not in limits or (level and not level.isdigit()):
            raise InputError(f"unknown compression {text!r} (use zstd[:1-19] or gzip[:1-9])")
        default, highest = limits[method]
        number = int(level) if level else default
        if not 1 <= number <= highest:
            raise InputError(f"compression {text!r}: levels of {method} are 1 to {highest}")
        return cls(method, number)

    @property
    def media_type(self) -> str:
        """Of the layer (image-spec layer.md)."""
        return OCI_LAYER_ZSTD if self.method == "zstd" else OCI_LAYER_GZIP

    @property
    def identity(self) -> str:
        """What decides the compressed bytes: method, level, version of the library."""
        if self.method == "zstd":
            version = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
        else:
            version = zlib.ZLIB_RUNTIME_VERSION
        return f"{self.method}:{self.level}/{version}"

    def compressor(self) -> _Compressor:
        """A new one, for one layer."""
        if self.method == "zstd":
            return zstandard.ZstdCompressor(level=self.level).compressobj()
        # 31: the gzip header, in which zlib writes neither a time nor a name.
        return zlib.compressobj(self.level, zlib.DEFLATED, 31)
