"""All that the database has: of one vulnerability, and of the feeds. As values, JSON and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ironhull.advisories.database import Database, FeedStatus, StoredRecord
from ironhull.advisories.feeds.osv import MAX_SUMMARY
from ironhull.advisories.model import Exploited, Score
from ironhull.errors import NotFoundError
from ironhull.reports.table import table
from ironhull.reports.text import harmless
from ironhull.reports.words import shown_size

_CLAIMS = ("FEED", "RECORD", "DATE", "ECOSYSTEM", "PACKAGE", "STATE", "FIXED", "URGENCY", "")
_FEEDS = ("FEED", "DATE", "RECORDS", "IMPORTED", "FROM")


class Said(NamedTuple):
    """One claim, and which record of which feed makes it. Absent is empty; dates: YYYY-MM-DD."""

    feed: str
    record: str
    date: str
    ecosystem: str
    package: str
    state: str
    """`Claim.state`, or the advisory that says so."""
    fixed: str
    urgency: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Every record and claim about one vulnerability."""

    id: str
    """As it was asked for."""
    records: tuple[StoredRecord, ...]
    claims: tuple[Said, ...]
    exploited: Mapping[str, Exploited]
    """By identifier, as `scores`."""
    scores: Mapping[str, Score]
    feed_dates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Where a database is, and how old what is in it."""

    path: Path
    size: int
    """Bytes."""
    ecosystems: Mapping[str, int]
    """With the number of claims."""
    feeds: tuple[FeedStatus, ...]


def dossier(database: Database, identifier: str) -> Dossier:
    """What is known under an identifier or alias; NotFoundError if no feed names it."""
    records = database.records([identifier])
    names = dict.fromkeys([identifier, *(stored.record.id for stored in records)])
    claims = database.claims_on(*names)
    if not records and not claims:
        raise NotFoundError(f"{identifier} is in no feed of the database")
    heads = database.record_heads(claim.record for claim in claims)
    dates = {feed.name: feed.date for feed in database.feeds}
    said = []
    for claim in claims:
        feed, record, date = heads[claim.record]
        said.append(
            Said(
                feed,
                record,
                (date or dates[feed])[:10],
                claim.ecosystem,
                claim.package,
                claim.advisory or claim.state,
                claim.fixed or "",
                claim.urgency or "",
                claim.reason or "",
            )
        )
    return Dossier(
        identifier,
        tuple(records),
        tuple(said),
        database.exploited(names),
        database.scores(names),
        dates,
    )


def dossier_document(found: Dossier) -> dict[str, Any]:
    """The JSON of `ironhull advisories show`."""
    records = []
    for stored in found.records:
        record = asdict(stored.record)
        # They stand beside the records: other records may make claims about this one.
        del record["claims"]
        records.append({"feed": stored.feed, "feed_date": found.feed_dates[stored.feed], **record})
    return {
        "id": found.id,
        "records": records,
        "claims": [claim._asdict() for claim in found.claims],
        "kev": {name: asdict(entry) for name, entry in found.exploited.items()},
        "epss": {name: asdict(score) for name, score in found.scores.items()},
    }


def dossier_lines(found: Dossier) -> Iterator[str]:
    """The text of `ironhull advisories show`."""
    for stored in found.records:
        record = stored.record
        rating = f"CVSS {record.score} {record.vector}" if record.vector else record.severity
        date = (record.modified or found.feed_dates[stored.feed])[:10]
        yield harmless(f"{record.id} ({stored.feed}, {date}) {rating}".rstrip())
        summary = record.summary + ("…" if len(record.summary) == MAX_SUMMARY else "")
        yield from (f"  {harmless(text)}" for text in (summary, *record.notes) if text)
        if record.aliases or record.related:
            yield harmless(f"  also: {', '.join((*record.aliases, *record.related))}")
    for name, entry in found.exploited.items():
        yield harmless(f"{name} is exploited (CISA, {entry.added})")
    for name, score in found.scores.items():
        yield harmless(f"{name} EPSS {score.epss:.4f}, higher than {score.percentile:.1%} of all")
    if found.claims:
        yield ""
        yield from table(_CLAIMS, found.claims)


def database_status(database: Database) -> DatabaseStatus:
    """What is in a database, feed by feed."""
    size = database.path.stat().st_size
    return DatabaseStatus(database.path, size, database.ecosystems, database.feeds)


def status_document(status: DatabaseStatus) -> dict[str, Any]:
    """The JSON of `ironhull advisories status`."""
    feeds = [asdict(feed) for feed in status.feeds]
    for feed in feeds:
        # A number of this file alone.
        del feed["key"]
    return {
        "path": str(status.path),
        "size": status.size,
        "ecosystems": dict(sorted(status.ecosystems.items())),
        "feeds": feeds,
    }


def status_lines(status: DatabaseStatus) -> Iterator[str]:
    """The text of `ironhull advisories status`."""
    rows = [
        [
            feed.name,
            feed.date + ("" if feed.dated else " (file)"),
            str(feed.records),
            feed.imported,
            feed.origin,
        ]
        for feed in status.feeds
    ]
    yield from table(_FEEDS, rows, right=(2,))
    yield ""
    claims = sum(status.ecosystems.values())
    yield f"{status.path}: {shown_size(status.size)}, {claims} claims"
