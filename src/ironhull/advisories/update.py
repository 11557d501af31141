"""Brings feeds into the database. The old file stays as it is until the new one is complete.

1. Copy the database beside itself; all work is on the copy.
2. Each source in its own transaction: get its documents, empty what it brought before, read,
   write, and look at the result. A feed that does not parse, is empty, shrank by more than the
   allowed share or went back in time is rolled back, so that its old data stay.
3. Put the copy in the place of the old file, if anything changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ironhull.advisories.database import Database
from ironhull.advisories.documents import documents
from ironhull.advisories.feeds.known import KnownFeed
from ironhull.advisories.reading import counted, rows_of
from ironhull.advisories.schema import APPLICATION_ID, TABLES, VERSION
from ironhull.advisories.writing import Writer, Written
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    IronhullError,
    NetworkError,
)
from ironhull.progress import Progress
from ironhull.reports.words import tally
from ironhull.store.files import locked
from ironhull.transport.address import shown
from ironhull.transport.network import DIRECT, Network

MAX_SHRINK = 0.1
"""A feed may lose this share of its records from one update to the next."""


@dataclass(frozen=True, slots=True)
class Source:
    """A feed and the places to read it from: addresses, files or folders."""

    known: KnownFeed
    places: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The places as tables and reports may show them: without a login."""
        return ", ".join(shown(place) if "://" in place else place for place in self.places)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source. `reason` says why where it was not simply updated."""

    name: str
    status: Literal["updated", "unchanged", "refused", "failed"]
    records: int
    date: str
    reason: str = ""
    origin: str = ""


class _RefusedError(Exception):
    """The feed is readable but must not replace what is there."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How an update is judged, when it happens, and over which network."""

    now: datetime
    shrink: float = MAX_SHRINK
    delta: bool = False
    """The sources are updates of single records, not whole feeds."""
    network: Network = DIRECT


def update(
    path: Path, sources: Sequence[Source], rules: Rules, progress: Progress
) -> list[Outcome]:
    """Bring every source in. One that fails leaves its old data and does not stop the others."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"cannot make {path.parent}: {error.strerror}") from None
    with locked(path.with_suffix(".lock")):
        # Whoever holds the lock is alone: what lies here is of processes that were killed.
        for left_over in path.parent.glob(f".{path.name}.*.new*"):
            left_over.unlink(missing_ok=True)
        work = path.parent / f".{path.name}.{os.getpid()}.new"
        try:
            return _update(path, work, sources, rules, progress)
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"cannot write {path}: {error}") from None
        finally:
            for suffix in ("", "-journal"):
                Path(f"{work}{suffix}").unlink(missing_ok=True)


def _update(
    path: Path, work: Path, sources: Sequence[Source], rules: Rules, progress: Progress
) -> list[Outcome]:
    if path.exists():
        Database(path).close()
        shutil.copyfile(path, work)
    with closing(sqlite3.connect(work, isolation_level=None)) as connection:
        # Only this process sees the copy, and it is thrown away if the machine fails: no waiting
        # for the disk but once at the end.
        for pragma in (
            "journal_mode=TRUNCATE",
            "synchronous=OFF",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not path.exists():
            connection.executescript(TABLES)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        outcomes = [_bring(connection, source, rules, progress) for source in sources]
        if not any(outcome.status == "updated" for outcome in outcomes):
            return outcomes
        _compact(connection)
    _into_place(work, path)
    return outcomes


def _bring(
    connection: sqlite3.Connection, source: Source, rules: Rules, progress: Progress
) -> Outcome:
    """One source, in a transaction of its own."""
    name = source.known.name
    records, date = connection.execute(
        "SELECT records, date FROM feed WHERE name = ?", (name,)
    ).fetchone() or (0, "")
    origin = source.shown
    connection.execute("BEGIN IMMEDIATE")
    try:
        with tempfile.TemporaryDirectory(prefix="ironhull-feed-") as folder:
            outcome = _replace(connection, source, rules, Path(folder), progress)
        connection.execute("COMMIT")
    except (_RefusedError, InputError) as error:
        connection.execute("ROLLBACK")
        return Outcome(name, "refused", records, date, str(error), origin)
    except NetworkError as error:
        connection.execute("ROLLBACK")
        return Outcome(name, "failed", records, date, str(error), origin)
    except OSError as error:
        connection.execute("ROLLBACK")
        raise EnvironmentProblem(f"{name}: {error}") from None
    except IronhullError:
        connection.execute("ROLLBACK")
        raise
    return outcome


def _replace(
    connection: sqlite3.Connection,
    source: Source,
    rules: Rules,
    folder: Path,
    progress: Progress,
) -> Outcome:
    known, feed = source.known, source.known.feed
    places = [_place(place, folder, progress, rules.network) for place in source.places]
    origin, digest = source.shown, _digest(places)
    old = connection.execute(
        "SELECT key, date, dated, digest, records FROM feed WHERE name = ?", (known.name,)
    ).fetchone()
    imported = rules.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The same bytes give the same rows; a delta's may have been changed by others since.
    if old is not None and old[3] == digest and not rules.delta:
        return _same(connection, known.name, old, places, (imported, origin))
    if old is None:
        key = connection.execute(
            "INSERT INTO feed (name, origin, date, dated, imported, digest, records, matches)"
            " VALUES (?, ?, '', 0, '', '', 0, ?)",
            (known.name, origin, feed.matches),
        ).lastrowid
        assert key is not None  # noqa: S101 - an INSERT that did not raise has a row
    else:
        key = old[0]
    note = f"Reading {known.name}"
    advance = progress.start(note, None, "documents")
    written = Written()
    writer = Writer(connection, key)
    if not rules.delta:
        writer.clear()
    for place in places:
        if rules.delta:
            writer.merge(feed.read(counted(documents(place, feed.wants), advance)), written)
        else:
            writer.write(rows_of(place, feed, key, advance), written)
    writer.count()
    records = _judge(connection, key, old, written, rules)
    date = max(written.date, old[1] if rules.delta and old else "") or _time(places)
    connection.execute(
        "UPDATE feed SET origin=?, date=?, dated=?, imported=?, digest=?, records=? WHERE key=?",
        (origin, date, bool(written.date), imported, digest, records, key),
    )
    reason = (
        f"{tally(written.rows, 'record')} changed, {written.deleted} deleted" if rules.delta else ""
    )
    if written.older:
        reason += f", {written.older} older than known and left out"
    return Outcome(known.name, "updated", records, date, reason, origin)


def _same(
    connection: sqlite3.Connection,
    name: str,
    old: tuple[int, str, int, str, int],
    places: Sequence[Path],
    when_and_where: tuple[str, str],
) -> Outcome:
    """The very bytes that were read before. A feed without a date is as new as its newest file."""
    key, date, dated, _, records = old
    newer = date if dated else max(date, _time(places))
    if newer == date:
        return Outcome(name, "unchanged", records, date, "the same as before", when_and_where[1])
    connection.execute(
        "UPDATE feed SET date = ?, imported = ?, origin = ? WHERE key = ?",
        (newer, *when_and_where, key),
    )
    reason = "the same records, confirmed"
    return Outcome(name, "updated", records, newer, reason, when_and_where[1])


def _judge(
    connection: sqlite3.Connection,
    key: int,
    old: tuple[int, str, int, str, int] | None,
    written: Written,
    rules: Rules,
) -> int:
    """The number of records that the feed now has; _RefusedError if that cannot be right."""
    if rules.delta:
        if written.rows + written.deleted + written.older == 0:
            raise _RefusedError("an update without a single record")
        counted = connection.execute("SELECT count(*) FROM record WHERE feed = ?", (key,))
        return int(counted.fetchone()[0])
    if written.rows == 0:
        raise _RefusedError("the feed is empty; the old data were kept")
    if old is None:
        return written.rows
    _, date, dated, _, records = old
    if written.rows < records * (1 - rules.shrink):
        raise _RefusedError(
            f"the feed shrank from {records} to {written.rows} rows, by more than"
            f" {rules.shrink:.0%}; the old data were kept (--max-shrink allows more)"
        )
    # Else a feed could be put back in time by leaving its date out.
    if dated and not written.date:
        raise _RefusedError(
            f"the feed has no date any more (it was {date}); the old data were kept"
        )
    if dated and written.date < date:
        raise _RefusedError(
            f"the feed went back in time, from {date} to {written.date}; the old data were kept"
        )
    return written.rows


def _place(place: str, folder: Path, progress: Progress, network: Network) -> Path:
    if "://" not in place:
        return Path(place)
    # Late: what asks servers takes longer to load than all that reads files.
    from ironhull.advisories.download import download

    return download(place, folder, progress, network=network)


def _digest(places: Sequence[Path]) -> str:
    """Of the bytes of all files; tells whether anything changed."""
    digest = hashlib.sha256()
    for place in places:
        files = sorted(path for path in place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.is_file() and not path.is_symlink():
                digest.update(f"{path.name}\0".encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _time(places: Sequence[Path]) -> str:
    """When the newest of the files was written: the date of a feed that has none of its own."""
    times = [
        path.stat().st_mtime
        for place in places
        for path in (place.rglob("*") if place.is_dir() else (place,))
        if path.is_file()
    ]
    return datetime.fromtimestamp(max(times), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compact(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA optimize")
    free, pages = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("freelist_count", "page_count")
    )
    # Rows that came and went leave holes; closing them writes the whole file anew.
    if free * 4 > pages:
        connection.execute("VACUUM")


def _into_place(work: Path, path: Path) -> None:
    try:
        with work.open("rb") as file:
            os.fsync(file.fileno())
        work.replace(path)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None
