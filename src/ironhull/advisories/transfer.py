"""Carries a whole database to a place without network: one file out, one file in.

The file is the SQLite database, compressed with zstd (whose frames carry a checksum). What comes
in is a stranger's: its tables must be exactly ours, and no feed may be older than what is there.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import zstandard

from ironhull.advisories.database import Database, FeedStatus
from ironhull.advisories.schema import TABLES
from ironhull.errors import EnvironmentProblem, MalformedError, UntrustedError
from ironhull.store.export import whole_file
from ironhull.store.files import locked

MAX_SIZE = 8 << 30
_CHUNK = 1 << 20
_LEVEL = 10


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import put in place."""

    feeds: tuple[FeedStatus, ...]
    size: int


def export_database(path: Path, target: Path) -> int:
    """Write the database to one compressed file; gives the file's size in bytes."""
    Database(path).close()
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with whole_file(target) as out, path.open("rb") as source:
        _, written = compressor.copy_stream(source, out, size=path.stat().st_size)
    return written


def import_database(source: Path, path: Path, *, allow_older: bool = False) -> Brought:
    """Put an exported database in place of the one at `path`.

    MalformedError if it is not one; UntrustedError if a feed of it is older than ours, or missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"cannot make {path.parent}: {error.strerror}") from None
    work = path.parent / f".{path.name}.{os.getpid()}.new"
    with locked(path.with_suffix(".lock")):
        try:
            _unpack(source, work)
            _check(work, source)
            with Database(work) as fresh:
                feeds = fresh.feeds
            if not feeds:
                raise MalformedError(f"{source}: a database without a single feed")
            if path.exists() and not allow_older:
                with Database(path) as ours:
                    _not_backwards(ours.feeds, feeds, source)
            size = work.stat().st_size
            work.replace(path)
            return Brought(feeds, size)
        except OSError as error:
            raise EnvironmentProblem(f"{source}: {error.strerror or error}") from None
        finally:
            work.unlink(missing_ok=True)


def _unpack(source: Path, work: Path) -> None:
    size = 0
    try:
        with source.open("rb") as file, work.open("xb") as out:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=False)
            while data := reader.read(_CHUNK):
                size += len(data)
                if size > MAX_SIZE:
                    raise MalformedError(f"{source}: unpacks to more than {MAX_SIZE} bytes")
                out.write(data)
    except zstandard.ZstdError as error:
        raise MalformedError(
            f"{source}: not a file of `ironhull advisories export`: {error}"
        ) from None


def _check(work: Path, source: Path) -> None:
    try:
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(TABLES)
            expected = _schema(model)
        with closing(sqlite3.connect(f"{work.absolute().as_uri()}?mode=ro", uri=True)) as found:
            found.execute("PRAGMA trusted_schema=OFF")
            if _schema(found) != expected:
                raise MalformedError(f"{source}: its tables are not those of this version")
            answer = found.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise MalformedError(f"{source}: not a database: {error}") from None
    if answer != ("ok",):
        raise MalformedError(f"{source}: damaged: {answer}")


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
    )
    return rows.fetchall()


def _not_backwards(
    ours: tuple[FeedStatus, ...], theirs: tuple[FeedStatus, ...], source: Path
) -> None:
    offered = {feed.name: feed for feed in theirs}
    problems = []
    for feed in ours:
        other = offered.get(feed.name)
        if other is None:
            problems.append(f"it lacks {feed.name}")
        elif feed.dated and other.date < feed.date:
            problems.append(f"{feed.name} of {other.date} is older than ours of {feed.date}")
    if problems:
        raise UntrustedError(
            f"{source}: {'; '.join(problems)}; the old database was kept (--allow-older takes it)"
        )
