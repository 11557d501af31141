"""Records in tiles: files of 256 records, one signed bundle a line, full ones never change.

A line's bytes without its end are what the next record names by their SHA-256: `sed` and
`sha256sum` are enough to follow the chain.
"""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.publication.record import MAX_RECORDS
from ironhull.publication.refusal import LogReason, LogRefusedError

RECORDS = 256
"""In a full tile."""
MAX_RECORD = 1 << 20
MAX_TILE = 64 << 20
MAX_TILES = MAX_RECORDS // RECORDS
MAX_TOGETHER = 256 << 20
"""Bytes of all tiles, and of what is kept in memory of them."""

Lines = tuple[bytes, ...]
"""Bundles in the order of their records."""


def tile_name(number: int) -> str:
    """What a tile is called, from 0: `tiles/000000.jsonl`."""
    return f"tiles/{number:06}.jsonl"


def pack(lines: Sequence[bytes]) -> list[bytes]:
    """The tiles of a log, each a file; LogRefusedError where it has become too large."""
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_RECORD:
            raise LogRefusedError(
                LogReason.TOO_LARGE, f"record {number} of {len(line)} bytes, at most {MAX_RECORD}"
            )
    made = [
        b"".join(line + b"\n" for line in lines[start : start + RECORDS])
        for start in range(0, len(lines), RECORDS)
    ]
    check_sizes([len(tile) for tile in made], "the record")
    return made


def check_sizes(sizes: Sequence[int], where: str) -> None:
    """Refuse more or larger tiles than are read, before one is; LogRefusedError."""
    if len(sizes) > MAX_TILES or sum(sizes) > MAX_TOGETHER or max(sizes, default=0) > MAX_TILE:
        raise LogRefusedError(
            LogReason.TOO_LARGE,
            f"{where}: {len(sizes)} tiles of {sum(sizes)} bytes; at most {MAX_TILES} of together "
            f"{MAX_TOGETHER}, and {MAX_TILE} each",
        )


def unpack(tiles: Sequence[bytes], where: str) -> Lines:
    """The records of all tiles; LogRefusedError for a tile that is not full, but for the last."""
    check_sizes([len(tile) for tile in tiles], where)
    found: list[bytes] = []
    for number, tile in enumerate(tiles):
        lines = tile.split(b"\n")
        last = number == len(tiles) - 1
        whole = lines.pop() == b"" and all(lines)
        if not whole or not (len(lines) == RECORDS or (last and 0 < len(lines) < RECORDS)):
            raise LogRefusedError(
                LogReason.WRONG_LAYOUT,
                f"{where}: tile {number} is not of {RECORDS} whole records (the last: of fewer)",
            )
        longest = max(map(len, lines))
        if longest > MAX_RECORD:
            raise LogRefusedError(
                LogReason.TOO_LARGE,
                f"{where}: tile {number} has a record of {longest} bytes, at most {MAX_RECORD}",
            )
        found += lines
    return tuple(found)
