"""How old the data are that a scan rests on: of each kind of package, not of the newest feed alone.

Yesterday's npm advisories say nothing of a distribution whose feed is of last year.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ironhull.advisories.database import Database
from ironhull.reports.words import tally
from ironhull.scan.model import Caveat, DatabaseInfo
from ironhull.settings import MAX_ADVISORY_AGE

_TOLD = "run: ironhull advisories update"


def database_info(
    database: Database, now: datetime, max_age: timedelta | None, kinds: Iterable[str] = ()
) -> tuple[DatabaseInfo, tuple[Caveat, ...]]:
    """Which feeds there are and whether they are too old, and a caveat for each that is.

    `kinds` are families of ecosystems (debian, npm) that packages were matched against; without
    any the newest feed decides. With no `max_age` any age will do, and what is older than a week is
    still said.
    """
    limit = MAX_ADVISORY_AGE if max_age is None else max_age
    oldest = (now.astimezone(UTC) - limit).strftime("%Y-%m-%dT%H:%M:%SZ")
    feeds = database.feeds
    newest = max((feed.date for feed in feeds if feed.matches), default="")
    old = tuple(feed.name for feed in feeds if feed.date < oldest)
    how = f"older than {tally(limit.days, 'day')}"
    how += ", which was accepted (--max-age 0)" if max_age is None else f"; {_TOLD}"
    caveats = []
    if newest < oldest:
        message = f"the newest advisories are of {newest or 'no date'}, {how}"
        caveats.append(Caveat("stale", "database", message))
    else:
        for kind, date in _dates(database, kinds):
            if date < oldest:
                message = f"the newest advisories for it are of {date}, {how}"
                caveats.append(Caveat("stale", kind, message))
    sources = tuple((feed.name, feed.date, feed.records) for feed in feeds)
    info = DatabaseInfo(newest, sources, bool(caveats), old, any_age=max_age is None)
    return info, tuple(caveats)


def _dates(database: Database, kinds: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Of each kind that a feed has, the date of the newest."""
    for kind in dict.fromkeys(kinds):
        dates = [
            date for name, date in database.dates.items() if name.partition(":")[0] == kind and date
        ]
        if dates:
            yield kind, max(dates)
