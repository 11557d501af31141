"""What feeds say, as rows of the tables: made wherever documents are read, written elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ironhull.advisories.interface import Deleted, FeedDate, malformed
from ironhull.advisories.model import (
    Claim,
    Cycle,
    Exploited,
    InArchive,
    Range,
    Record,
    Row,
    Score,
    Support,
)
from ironhull.advisories.schema import EPSS

TABLES = (
    "record",
    "alias",
    "claim",
    "plain_claim",
    "exploited",
    "score",
    "cycle",
    "support",
    "in_archive",
)
"""Of the database; `plain_claim` is those of `claim` whose last columns are empty."""


@dataclass(slots=True)
class Rows:
    """Rows of some documents of one feed, by table; `feed` is the key of the feed's row."""

    feed: int
    tables: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {table: [] for table in TABLES}
    )
    records: int = 0
    """How many; their keys count from 0, and the writer adds where these begin."""
    count: int = 0
    """What the feed said, records and all else."""
    date: str = ""
    """The latest that the feed gave, UTC."""

    def take(self, row: Row | FeedDate | Deleted) -> None:
        """One row of a whole feed; MalformedError for an update's deletion."""
        if isinstance(row, FeedDate):
            self.date = max(self.date, utc(row.date))
            if row.model:
                self.add(Cycle(EPSS, row.model))
        elif isinstance(row, Deleted):
            raise malformed(row.id, "a whole feed cannot delete records; use --delta")
        else:
            self.add(row)
            self.count += 1

    def add(self, row: Row) -> None:
        """One row, whatever its kind."""
        match row:
            case Record():
                self._record(row)
            case Exploited():
                values = (row.vulnerability, self.feed, row.added, row.due, row.ransomware)
                self.tables["exploited"].append(values)
            case Score():
                self.tables["score"].append(
                    (row.vulnerability, self.feed, row.epss, row.percentile)
                )
            case Cycle():
                names = (row.product, row.cycle, self.feed)
                self.tables["cycle"].append((*names, row.codename, row.released, row.eol, row.lts))
            case Support():
                about = (self.feed, row.release, row.pattern, row.kind)
                self.tables["support"].append((*about, row.last_version, row.date, row.text))
            case InArchive():
                self.tables["in_archive"].append(
                    (row.source, row.release, row.suite, self.feed, row.version)
                )

    def _record(self, record: Record) -> None:
        key = self.records
        self.records += 1
        self.tables["record"].append(
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
        self.tables["alias"].extend((alias, key) for alias in record.aliases)
        if not record.withdrawn:
            self._claims(record.claims, key)

    def _claims(self, claims: tuple[Claim, ...], record: int) -> None:
        plain, other, feed = self.tables["plain_claim"], self.tables["claim"], self.feed
        for number, claim in enumerate(claims):
            (
                ecosystem, package, name, state, fixed, ranges, versions, urgency,
                reason, line, advisory, bug,
            ) = claim  # fmt: skip
            # `value` is a property that takes as long as all of the rest.
            said = (state._value_, fixed or None, urgency or None)
            row = (package, ecosystem, name, record, number, feed, *said)
            # Most say no more: sending and writing nothing six times is a third of the work.
            if ranges or versions or reason or line or advisory or bug:
                words = (reason or None, line or None, advisory or None, bug or None)
                other.append((*row, *words, _ranges(ranges), _list(versions)))
            else:
                plain.append(row)


def _ranges(values: tuple[Range, ...]) -> str | None:
    return json.dumps(values, separators=(",", ":")) if values else None


def _list(values: tuple[str, ...]) -> str | None:
    return json.dumps(values, separators=(",", ":")) if values else None


def utc(date: str) -> str:
    """A feed's date as `YYYY-MM-DDTHH:MM:SSZ`; MalformedError for what is no date."""
    if len(date) >= 20 and date[-1] == "Z":
        return f"{date[:19]}Z"
    try:
        moment = datetime.fromisoformat(date)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        # Where its zone puts it before the year 1 or after 9999, it is none either.
        raise malformed("date", f"not a date: {date!r:.60}") from None
