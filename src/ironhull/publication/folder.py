"""The record of one repository as files: in the home, or in a folder that a static server carries.

checkpoint.json      number and digest of the newest record
tiles/000000.jsonl   records 1 to 256, one bundle a line; 000001.jsonl the next, …

The tiles alone are enough, as `oras pull` writes them. A tile is replaced before the checkpoint, so
that a crash between the two leaves a checkpoint that is behind: the tiles count. One that is ahead
of its tiles says that records were lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ironhull.errors import EnvironmentProblem, MalformedError
from ironhull.json_fields import decode
from ironhull.oci.digest import digest_of, parse_digest
from ironhull.oci.document import canonical
from ironhull.publication.chain import Position, position_of
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.tiles import (
    MAX_TILE,
    MAX_TILES,
    Lines,
    check_sizes,
    pack,
    tile_name,
    unpack,
)
from ironhull.store.files import locked, replace_file

_MAX_CHECKPOINT = 4096


def folder_of(publications: Path, repository: str) -> Path:
    """Where the home keeps a repository's record; `~` stands in no repository's name."""
    return publications / repository.replace("/", "~")


def repositories_in(publications: Path) -> list[str]:
    """The repositories of which the home has a record."""
    try:
        names = sorted(os.listdir(publications))
    except FileNotFoundError:
        return []
    return [
        name.replace("~", "/")
        for name in names
        if (publications / name / "checkpoint.json").is_file()
    ]


class LogFolder:
    """Tiles and checkpoint below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def exists(self) -> bool:
        """Whether a record is there."""
        return (self.root / "checkpoint.json").is_file() or self._tile(0).is_file()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else of this machine publishes to the repository while the block lasts."""
        with locked(self.root / ".lock"):
            yield

    def lines(self) -> Lines:
        """All records, of which none is verified but that the newest is the checkpoint's.

        LogRefusedError for files that are damaged or that lack records.
        """
        tiles = []
        sizes: list[int] = []
        for number in range(MAX_TILES + 1):
            data = _read(self._tile(number), MAX_TILE)
            if data is None:
                break
            sizes.append(len(data))
            check_sizes(sizes, str(self.root))
            tiles.append(data)
        lines = unpack(tiles, str(self.root))
        said = self.checkpoint()
        if said is None:
            return lines
        if said.number > len(lines) or digest_of(lines[said.number - 1]) != said.digest:
            raise LogRefusedError(
                LogReason.WRONG_LAYOUT,
                f"{self.root}: its checkpoint is {said}, and its tiles have {len(lines)} records "
                "without that one: restore the folder, or remove it if a registry has the record",
            )
        return lines

    def checkpoint(self) -> Position | None:
        """Number and digest of the newest record, as written; None where nothing is."""
        path = self.root / "checkpoint.json"
        data = _read(path, _MAX_CHECKPOINT)
        if data is None:
            return None
        try:
            value = decode(data, str(path))
            number, digest = value.get("number"), parse_digest(value.get("digest"))
            if type(number) is int and number > 0:
                return Position(number, digest)
        except MalformedError:
            pass
        raise LogRefusedError(LogReason.WRONG_LAYOUT, f"{path} is no checkpoint of a record")

    def write(self, lines: Lines) -> None:
        """Put a log down that continues what is there; a full tile is never written again."""
        newest = position_of(lines)
        if newest is None:
            return
        for number, tile in enumerate(pack(lines)):
            path = self._tile(number)
            try:
                same = path.stat().st_size == len(tile) and path.read_bytes() == tile
            except OSError:
                same = False
            if not same:
                replace_file(path, tile)
        value = {"number": newest.number, "digest": newest.digest}
        replace_file(self.root / "checkpoint.json", canonical(value) + b"\n")

    def _tile(self, number: int) -> Path:
        return self.root / tile_name(number)


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    if len(data) > most:
        raise LogRefusedError(LogReason.TOO_LARGE, f"{path} is larger than {most} bytes")
    return data
