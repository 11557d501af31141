"""A chunked layer of which only the missing files are fetched.

1. Its table of contents, by the annotations of its descriptor, and held to their digest.
2. Files whose frames other layers here have are copied from there; the rest comes by ranges: many
   by one request, or a few one by one where a registry knows no answers of several parts.
3. What that gives must have the layer's digest: then it is the layer, byte for byte.

Whatever goes wrong on the way, the layer can still be fetched whole, which trusts none of it. So
nothing of it is an error; where a table or a registry lied, a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from ironhull.chunked.format import annotated_table
from ironhull.chunked.near import NearFrames
from ironhull.chunked.plan import Piece, plan
from ironhull.chunked.table import Frames, read_table
from ironhull.errors import MalformedError, NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.registry.client.ranges import Range, RangedAnswer, range_header
from ironhull.registry.client.repository import Repository
from ironhull.store.blobs import CHUNK, BlobStore, BlobWriter
from ironhull.transport.message import Request

_AT_ONCE = 250
"""Ranges of one request: many servers take 8 KiB of headers."""
_MOST = 1000
_ONE_BY_ONE = 12
_WORTH = 0.9
"""Of a layer's bytes: who would fetch more fetches all of it, by one request."""


def partly(
    repository: Repository, near: BlobStore
) -> Callable[[Descriptor, BlobStore], tuple[bool, int]]:
    """`fetch_partly` from a repository beside a store, until it gives no ranges."""
    frames = NearFrames((near,))
    gives = True

    def bring(descriptor: Descriptor, store: BlobStore) -> tuple[bool, int]:
        nonlocal gives
        try:
            return fetch_partly(repository, descriptor, store, frames) if gives else (False, 0)
        except NoRangesError:
            # Nor will it of the next layer, whose beginning would come for nothing again.
            gives = False
            return False, 0

    return bring


def fetch_partly(
    repository: Repository, descriptor: Descriptor, store: BlobStore, near: NearFrames
) -> tuple[bool, int]:
    """Bring a chunked layer into a store; whether it is there, else it has to come whole.

    And the bytes that came over, for nothing too: where a table or parts were no good.
    NoRangesError if the registry does not even give the range of the table.
    """
    layer = _Layer(repository, descriptor, near)
    try:
        frames = layer.frames()
        if frames is None:
            return False, layer.moved
        for most, at_once in ((_MOST, _AT_ONCE), (_ONE_BY_ONE, 1)):
            pieces = plan(frames, near, descriptor.size, most)
            fetched = sum(piece.end - piece.offset for piece in pieces if piece.near is None)
            if fetched > _WORTH * descriptor.size:
                return False, layer.moved
            try:
                with store.writer(descriptor.digest, descriptor.size) as blob:
                    layer.put_together(pieces, at_once, blob)
            except NoRangesError:
                continue
            return True, layer.moved
    except (UntrustedError, MalformedError) as error:
        said = f"{repository}: layer {descriptor.digest} is fetched whole: {error}"
        repository.session.exchange.progress.note(said)
    except (NetworkError, NotFoundError):
        # If it is more than a hiccup, the attempt to get it whole says what.
        pass
    return False, layer.moved


class NoRangesError(Exception):
    """The registry answers a request for ranges with the whole; caught by whoever asks."""


class _Layer:
    """A layer of a repository; `moved` counts the bytes that came over."""

    def __init__(self, repository: Repository, descriptor: Descriptor, near: NearFrames) -> None:
        self.moved = 0
        self._repository = repository
        self._descriptor = descriptor
        self._near = near

    def frames(self) -> list[Frames] | None:
        """Where files are in it; None if nobody says."""
        size = self._descriptor.size
        found = annotated_table(self._descriptor.annotations, size)
        if found is None:
            return None
        part, checksum = found
        packed = b"".join(b"".join(one) for one in self._ranges([(part.offset, part.end)], 1))
        return read_table(packed, part, checksum, f"layer {self._descriptor.digest}")

    def put_together(self, pieces: Sequence[Piece], at_once: int, blob: BlobWriter) -> None:
        """Write the whole layer."""
        wanted = [(piece.offset, piece.end) for piece in pieces if piece.near is None]
        parts = self._ranges(wanted, at_once)
        for piece in pieces:
            if piece.near is None:
                for data in next(parts):
                    blob.write(data)
            else:
                with piece.near.blobs.open(piece.near.blob) as file:
                    file.seek(piece.near.offset)
                    _copy(file, piece.near.size, blob)

    def _ranges(self, ranges: Sequence[Range], at_once: int) -> Iterator[Iterator[bytes]]:
        for place in range(0, len(ranges), at_once):
            yield from self._asked(ranges[place : place + at_once])

    def _asked(self, ranges: Sequence[Range]) -> Iterator[Iterator[bytes]]:
        repository, digest = self._repository, self._descriptor.digest
        session = repository.session
        request = Request("GET", session.url(f"/v2/{repository.name}/blobs/{digest}"))
        request = request.adding({"range": range_header(ranges)})
        what = f"ranges of blob {digest}"
        with session.attempt(request, repository.scope, 200, 206, what=what) as response:
            if response.status != 206:
                raise NoRangesError
            answer = RangedAnswer(session.exchange, response, ranges, self._descriptor.size)
            for pieces in answer.parts():
                yield self._counted(pieces)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for data in pieces:
            self.moved += len(data)
            yield data


def _copy(file: BinaryIO, size: int, blob: BlobWriter) -> None:
    while size:
        data = file.read(min(CHUNK, size))
        if not data:
            raise UntrustedError("a layer of the store became shorter")
        blob.write(data)
        size -= len(data)
