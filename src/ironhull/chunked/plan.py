"""Which bytes of a chunked layer are fetched, and which are copied from other layers.

1. Every file whose frame is near is copied; all else is fetched: headers, missing files, the tail.
2. A copy that saves less than what it costs to ask around it is fetched too; and the smallest ones,
   until there are few enough ranges to ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ironhull.chunked.near import NearFrame, NearFrames
from ironhull.chunked.table import Frames

_LEAST = 512
"""Bytes: about what one more range costs, in the request and in the answer."""


class Piece(NamedTuple):
    """The next bytes of a layer, up to `end`: copied from `near`, or else fetched."""

    offset: int
    end: int
    near: NearFrame | None = None


def plan(frames: Sequence[Frames], near: NearFrames, size: int, most: int) -> list[Piece]:
    """All bytes of a layer of `size`, in order, with at most `most` pieces that are fetched."""
    copies = [
        Piece(one.offset, one.end, place)
        for one in frames
        if one.end - one.offset >= _LEAST
        and (place := near.find(one.content, one.end - one.offset)) is not None
    ]
    if len(copies) >= most:
        largest = sorted(copies, key=lambda piece: piece.offset - piece.end)[: most - 1]
        copies = sorted(largest)
    return _filled(copies, size)


def _filled(copies: Sequence[Piece], size: int) -> list[Piece]:
    """The copies, and what is fetched between them."""
    pieces: list[Piece] = []
    place = 0
    for copy in copies:
        if copy.offset > place:
            pieces.append(Piece(place, copy.offset))
        pieces.append(copy)
        place = copy.end
    if place < size:
        pieces.append(Piece(place, size))
    return pieces
