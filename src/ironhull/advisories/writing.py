"""Writes the rows of one feed into the database, within the transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ironhull.advisories.interface import Deleted, FeedDate, malformed
from ironhull.advisories.model import (
    Claim,
    Cycle,
    Exploited,
    InArchive,
    Record,
    Row,
    Score,
    Support,
)
from ironhull.advisories.schema import CONTENT, EPSS

BATCH = 2_000
PARAMETERS = 900
"""Of one statement; SQLite's oldest limit is 999."""

_INSERTS = {
    "record": "INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "alias": "INSERT OR IGNORE INTO alias VALUES (?,?)",
    "claim": "INSERT INTO claim VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "exploited": "INSERT OR REPLACE INTO exploited VALUES (?,?,?,?,?)",
    "score": "INSERT OR REPLACE INTO score VALUES (?,?,?,?)",
    "cycle": "INSERT OR REPLACE INTO cycle VALUES (?,?,?,?,?,?,?)",
    "support": "INSERT INTO support VALUES (?,?,?,?,?,?,?)",
    "in_archive": "INSERT OR IGNORE INTO in_archive VALUES (?,?,?,?,?)",
}


@dataclass(slots=True)
class Written:
    """What a feed brought."""

    rows: int = 0
    date: str = ""
    deleted: int = 0
    older: int = 0
    """Records of an update that are older than what is there, and were left out."""


@dataclass(slots=True)
class Writer:
    """Collects rows into batches; `feed` is the key of the feed's row."""

    connection: sqlite3.Connection
    feed: int
    batches: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {table: [] for table in _INSERTS}
    )
    next_record: int = 0

    def __post_init__(self) -> None:
        row = self.connection.execute("SELECT coalesce(max(key), 0) FROM record").fetchone()
        self.next_record = row[0] + 1

    def clear(self) -> None:
        """Remove all that the feed brought earlier."""
        self.connection.execute(
            "DELETE FROM alias WHERE record IN (SELECT key FROM record WHERE feed = ?)",
            (self.feed,),
        )
        for table in (*CONTENT, "record"):
            self.connection.execute(f"DELETE FROM {table} WHERE feed = ?", (self.feed,))  # noqa: S608

    def write(self, rows: Iterable[Row | FeedDate | Deleted], written: Written) -> None:
        """All rows; raises MalformedError if the feed has an update's deletions in it."""
        rows = iter(rows)
        while chunk := list(islice(rows, BATCH)):
            for row in chunk:
                if isinstance(row, FeedDate):
                    written.date = max(written.date, utc(row.date))
                    if row.model:
                        self._add(Cycle(EPSS, row.model))
                elif isinstance(row, Deleted):
                    raise malformed(row.id, "a whole feed cannot delete records; use --delta")
                else:
                    self._add(row)
                    written.rows += 1
            self._flush()

    def merge(self, rows: Iterable[Row | FeedDate | Deleted], written: Written) -> None:
        """An update: records replace those of the same identifier, unless they are older.

        A batch at once: claims lie by package, so finding those of a record reads them all.
        """
        rows = iter(rows)
        while chunk := list(islice(rows, BATCH)):
            named = {row.id for row in chunk if isinstance(row, (Record, Deleted))}
            there = self._there(named)
            new: dict[str, Record] = {}
            dropped: list[int] = []
            for row in chunk:
                if isinstance(row, FeedDate):
                    written.date = max(written.date, utc(row.date))
                elif isinstance(row, Deleted):
                    keys = there.pop(row.id, {})
                    dropped += keys
                    written.deleted += len(keys) + (new.pop(row.id, None) is not None)
                elif not isinstance(row, Record):
                    raise malformed(type(row).__name__, "only records can be updated one by one")
                elif _newer(row, there.get(row.id, {}), new.get(row.id)):
                    written.older += 1
                else:
                    dropped += there.pop(row.id, {})
                    new[row.id] = row
                    written.rows += 1
            self._drop(dropped)
            for record in new.values():
                self._add(record)
            self._flush()

    def count(self) -> None:
        """Note how many claims the feed has on each ecosystem, so that readers need not count."""
        self.connection.execute("DELETE FROM ecosystem WHERE feed = ?", (self.feed,))
        self.connection.execute(
            "INSERT INTO ecosystem SELECT feed, ecosystem, count(*) FROM claim"
            " WHERE feed = ? GROUP BY ecosystem",
            (self.feed,),
        )

    def _there(self, identifiers: Iterable[str]) -> dict[str, dict[int, str]]:
        """Identifier → the keys of its records, with when each was modified."""
        found: dict[str, dict[int, str]] = {}
        for identifier in identifiers:
            for key, modified in self.connection.execute(
                "SELECT key, modified FROM record WHERE id = ? AND feed = ?",
                (identifier, self.feed),
            ):
                found.setdefault(identifier, {})[key] = modified or ""
        return found

    def _drop(self, keys: Sequence[int]) -> None:
        for start in range(0, len(keys), PARAMETERS):
            some = keys[start : start + PARAMETERS]
            marks = ",".join("?" * len(some))
            for what in ("claim WHERE record", "alias WHERE record", "record WHERE key"):
                self.connection.execute(f"DELETE FROM {what} IN ({marks})", some)  # noqa: S608

    def _add(self, row: Row) -> None:
        match row:
            case Record():
                self._record(row)
            case Exploited():
                values = (row.vulnerability, self.feed, row.added, row.due, row.ransomware)
                self.batches["exploited"].append(values)
            case Score():
                self.batches["score"].append(
                    (row.vulnerability, self.feed, row.epss, row.percentile)
                )
            case Cycle():
                names = (row.product, row.cycle, self.feed)
                self.batches["cycle"].append((*names, row.codename, row.released, row.eol, row.lts))
            case Support():
                about = (self.feed, row.release, row.pattern, row.kind)
                self.batches["support"].append((*about, row.last_version, row.date, row.text))
            case InArchive():
                self.batches["in_archive"].append(
                    (row.source, row.release, row.suite, self.feed, row.version)
                )

    def _record(self, record: Record) -> None:
        key = self.next_record
        self.next_record += 1
        self.batches["record"].append(
            (
                key,
                self.feed,
                record.id,
                record.modified or None,
                record.published or None,
                record.withdrawn or None,
                record.severity or None,
                record.vector or None,
                record.score or None,
                record.summary or None,
                _list(record.aliases),
                _list(record.related),
                _list(record.notes),
            )
        )
        self.batches["alias"].extend((alias, key) for alias in record.aliases)
        if not record.withdrawn:
            self.batches["claim"].extend(
                _claim(claim, key, number, self.feed) for number, claim in enumerate(record.claims)
            )

    def _flush(self) -> None:
        for table, batch in self.batches.items():
            if batch:
                self.connection.executemany(_INSERTS[table], batch)
                batch.clear()


def _newer(row: Record, there: Mapping[int, str], new: Record | None) -> bool:
    """Whether what is there, or came earlier in the same update, is newer than a record."""
    known = [*there.values(), *([new.modified] if new else [])]
    return bool(known) and max(known) > row.modified


def _claim(claim: Claim, record: int, number: int, feed: int) -> tuple[Any, ...]:
    return (
        claim.package,
        claim.ecosystem,
        claim.vulnerability,
        record,
        number,
        feed,
        claim.state.value,
        claim.fixed or None,
        claim.urgency or None,
        claim.reason or None,
        claim.line or None,
        claim.advisory or None,
        claim.bug or None,
        json.dumps(claim.ranges, separators=(",", ":")) if claim.ranges else None,
        _list(claim.versions),
    )


def _list(values: tuple[str, ...]) -> str | None:
    return json.dumps(values, separators=(",", ":")) if values else None


def utc(date: str) -> str:
    """A feed's date as `YYYY-MM-DDTHH:MM:SSZ`; MalformedError for what is no date."""
    if len(date) >= 20 and date[-1] == "Z":
        return f"{date[:19]}Z"
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        raise malformed("date", f"not a date: {date!r:.60}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
