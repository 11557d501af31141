"""The advisory database on disk, as readers see it. Readers never write and never wait.

An update makes a new file and puts it in the old one's place (`ironhull.advisories.update`), so an
open `Database` keeps seeing the state that it was opened on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from ironhull.advisories.model import (
    Claim,
    Cycle,
    Exploited,
    InArchive,
    Range,
    Record,
    Score,
    State,
    Support,
)
from ironhull.advisories.schema import APPLICATION_ID, EPSS, VERSION
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.values import dataclass

CHUNK = 900
"""Parameters of one query; SQLite's oldest limit is 999."""


class StoredClaim(NamedTuple):
    """A claim as matching reads it: raw columns, cheap to make by the hundred thousand."""

    package: str
    ecosystem: str
    vulnerability: str
    record: int
    feed: int
    state: str
    fixed: str | None
    urgency: str | None
    reason: str | None
    line: str | None
    advisory: str | None
    bug: int | None
    ranges: str | None
    versions: str | None

    @property
    def parsed_ranges(self) -> tuple[Range, ...]:
        """`Claim.ranges`; empty where the claim has none."""
        return tuple(tuple(each) for each in json.loads(self.ranges)) if self.ranges else ()

    @property
    def parsed_versions(self) -> tuple[str, ...]:
        """`Claim.versions`; empty where the claim has none."""
        return tuple(json.loads(self.versions)) if self.versions else ()

    @property
    def claim(self) -> Claim:
        """As the value that feeds give."""
        return Claim(
            ecosystem=self.ecosystem,
            package=self.package,
            vulnerability=self.vulnerability,
            state=State(self.state),
            fixed=self.fixed or "",
            ranges=self.parsed_ranges,
            versions=self.parsed_versions,
            urgency=self.urgency or "",
            reason=self.reason or "",
            line=self.line or "",
            advisory=self.advisory or "",
            bug=self.bug or 0,
        )


# `_make` is a function of Python's around this: twice the time of each of many thousand.
_claim: Callable[[tuple[Any, ...]], StoredClaim] = partial(tuple.__new__, StoredClaim)

ClaimGroup = tuple[str, str, int, int, int, str, str]
"""All claims on a package in one ecosystem, as few values: package, ecosystem, the lowest and the
highest key of their feeds, how many of them say no more than fixed or not
(`unfixed`, or `end-of-life` outside advisories) and give no reason, their vulnerabilities in order,
their fixed versions (empty where there is none).

The last two are lists joined by `SEPARATOR`, which a text of a feed may hold too: count them.
"""
SEPARATOR = "\n"
Rating = tuple[float, str, str, str, str]
"""CVSS base score, vector, the feed's own word, summary, date of publication."""

_COLUMNS = (
    "package, ecosystem, vulnerability, record, feed, state, fixed, urgency, reason, line,"
    " advisory, bug, ranges, versions"
)


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed as it stands in the database."""

    key: int
    name: str
    origin: str
    date: str
    """The feed's own date, UTC; of its file where the feed has none."""
    dated: bool
    """Whether `date` is the feed's own."""
    imported: str
    digest: str
    records: int
    matches: bool


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the feed that it came from."""

    key: int
    feed: str
    record: Record


class Database:
    """An open advisory database. Use as a context manager, or `close` it."""

    def __init__(self, path: Path) -> None:
        """Open; InputError if there is none, or if it is not one of this version."""
        self.path = path
        if not path.is_file():
            raise InputError(
                f"there is no advisory database at {path}; "
                "make one: ironhull advisories update, or: ironhull advisories import FILE"
            )
        try:
            # Who closes it may be another thread than who asked.
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            found = [
                self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            ]
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"cannot open {path}: {error}") from None
        if found != [APPLICATION_ID, VERSION]:
            self._connection.close()
            raise InputError(
                f"{path} is not an advisory database of version {VERSION}; "
                "remove it and run: ironhull advisories update"
            )

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; nothing can be asked afterwards."""
        self._connection.close()

    def _rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"cannot read {self.path}: {error}") from None

    @cached_property
    def feeds(self) -> tuple[FeedStatus, ...]:
        """What is known of each feed: its date, where it came from, how many records."""
        rows = self._rows(
            "SELECT key, name, origin, date, dated, imported, digest, records, matches"
            " FROM feed ORDER BY name"
        )
        return tuple(
            FeedStatus(
                key, name, origin, date, bool(dated), imported, digest, records, bool(matches)
            )
            for key, name, origin, date, dated, imported, digest, records, matches in rows
        )

    @cached_property
    def feed_names(self) -> Mapping[int, str]:
        """Feed key → name."""
        return {feed.key: feed.name for feed in self.feeds}

    @cached_property
    def ecosystems(self) -> Mapping[str, int]:
        """Every ecosystem that any feed says something about, with the number of claims."""
        return dict(self._rows("SELECT name, sum(claims) FROM ecosystem GROUP BY name"))

    @cached_property
    def dates(self) -> Mapping[str, str]:
        """Every ecosystem, with the date of the newest feed that packages are matched against."""
        return dict(
            self._rows(
                "SELECT e.name, max(f.date) FROM ecosystem e JOIN feed f ON f.key = e.feed"
                " WHERE f.matches GROUP BY e.name"
            )
        )

    def claims(self, packages: Iterable[str], family: str) -> list[StoredClaim]:
        """All claims on these packages in ecosystems `family` and `family:…`."""
        found: list[StoredClaim] = []
        for chunk in _chunks(packages):
            rows = self._rows(
                f"SELECT {_COLUMNS} FROM claim WHERE package IN ({_marks(chunk)})"  # noqa: S608
                " AND (ecosystem = ? OR substr(ecosystem, 1, ?) = ?)",
                (*chunk, family, len(family) + 1, f"{family}:"),
            )
            found.extend(map(_claim, rows))
        return found

    def claims_in(self, packages: Iterable[str], ecosystems: Sequence[str]) -> list[StoredClaim]:
        """All claims on these packages in these ecosystems alone, in the order of `claims`."""
        found: list[StoredClaim] = []
        for chunk in _chunks(packages):
            rows = self._rows(
                f"SELECT {_COLUMNS} FROM claim WHERE package IN ({_marks(chunk)})"  # noqa: S608
                f" AND ecosystem IN ({_marks(ecosystems)})",
                (*chunk, *ecosystems),
            )
            found.extend(map(_claim, rows))
        return found

    def speakers(self, packages: Iterable[str], family: str) -> list[tuple[str, str, int]]:
        """Who speaks of these packages, and of which releases: package, ecosystem, feed's key.

        In ecosystems `family` and `family:…`; takes a tenth of the time of `claims`.
        """
        found: list[tuple[str, str, int]] = []
        for chunk in _chunks(packages):
            rows = self._rows(
                "SELECT DISTINCT package, ecosystem, feed FROM claim"  # noqa: S608
                f" WHERE package IN ({_marks(chunk)})",
                chunk,
            )
            found.extend(row for row in rows if row[1].partition(":")[0] == family)
        return found

    def claim_groups(self, packages: Iterable[str], family: str) -> Iterator[ClaimGroup]:
        """As `claims`, a value for each package and ecosystem: a fifth of the time and memory.

        Those of one package come one after another.
        """
        for chunk in _chunks(packages):
            rows = self._rows(
                "SELECT package, ecosystem, min(feed), max(feed),"  # noqa: S608
                " sum(reason IS NULL AND (state IN ('fixed', 'unfixed') OR (state = 'end-of-life'"
                " AND fixed IS NULL AND advisory IS NULL))),"
                f" group_concat(vulnerability, '{SEPARATOR}'),"
                f" group_concat(ifnull(fixed, ''), '{SEPARATOR}')"
                f" FROM claim WHERE package IN ({_marks(chunk)}) GROUP BY package, ecosystem"
                " ORDER BY package",
                chunk,
            )
            # Asked of each of thousands here, not of each of hundreds of thousands there.
            yield from (row for row in rows if row[1].partition(":")[0] == family)

    def all_claims(self, family: str) -> Iterator[StoredClaim]:
        """Every claim of a family, in the order of packages."""
        cursor = self._connection.execute(
            f"SELECT {_COLUMNS} FROM claim"  # noqa: S608
            " WHERE ecosystem = ? OR substr(ecosystem, 1, ?) = ?",
            (family, len(family) + 1, f"{family}:"),
        )
        return map(_claim, cursor)

    def claims_on(self, *vulnerabilities: str) -> list[StoredClaim]:
        """All claims about these names of one vulnerability, in the order of the names.

        Reads the whole table: for one look-up, not many.
        """
        rows = self._in(f"SELECT {_COLUMNS} FROM claim", vulnerabilities)  # noqa: S608
        place = {name: number for number, name in enumerate(vulnerabilities)}
        found = map(_claim, rows)
        return sorted(found, key=lambda claim: place[claim.vulnerability])

    def records(self, identifiers: Iterable[str]) -> list[StoredRecord]:
        """Records by identifier or alias, those of the identifier itself first."""
        wanted = list(identifiers)
        found = {row[0]: row for chunk in _chunks(wanted) for row in self._by_id(chunk)}
        aliases = {row[0]: row for chunk in _chunks(wanted) for row in self._by_alias(chunk)}
        return [_record(row) for row in (found | aliases).values()]

    def _by_id(self, chunk: Sequence[str]) -> list[Any]:
        return self._rows(
            "SELECT r.key, f.name, r.id, r.modified, r.published, r.withdrawn, r.severity,"  # noqa: S608
            " r.vector, r.score, r.summary, r.aliases, r.related, r.notes"
            f" FROM record r JOIN feed f ON f.key = r.feed WHERE r.id IN ({_marks(chunk)})",
            chunk,
        )

    def _by_alias(self, chunk: Sequence[str]) -> list[Any]:
        return self._rows(
            "SELECT r.key, f.name, r.id, r.modified, r.published, r.withdrawn, r.severity,"  # noqa: S608
            " r.vector, r.score, r.summary, r.aliases, r.related, r.notes"
            " FROM alias a JOIN record r ON r.key = a.record JOIN feed f ON f.key = r.feed"
            f" WHERE a.alias IN ({_marks(chunk)})",
            chunk,
        )

    def record_heads(self, keys: Iterable[int]) -> dict[int, tuple[str, str, str]]:
        """Record key → feed, identifier, date: what every finding must be able to name."""
        heads: dict[int, tuple[str, str, str]] = {}
        for chunk in _chunks(keys):
            rows = self._rows(
                f"SELECT key, feed, id, modified FROM record WHERE key IN ({_marks(chunk)})",  # noqa: S608
                chunk,
            )
            for key, feed, identifier, modified in rows:
                heads[key] = (self.feed_names[feed], identifier, modified or "")
        return heads

    def record_ratings(self, keys: Iterable[int]) -> dict[int, Rating]:
        """Record key → what the record itself says about severity."""
        rows = [
            row
            for chunk in _chunks(keys)
            for row in self._rows(
                "SELECT key, score, vector, severity, summary, published FROM record"  # noqa: S608
                f" WHERE key IN ({_marks(chunk)})",
                chunk,
            )
        ]
        return {
            key: (score or 0.0, vector or "", word or "", summary or "", published or "")
            for key, score, vector, word, summary, published in rows
        }

    def scores_of(self, identifiers: Iterable[str]) -> dict[str, Rating]:
        """Identifier → CVSS score, vector, the feed's word, summary, published. Best score wins."""
        found: dict[str, Rating] = {}
        for chunk in _chunks(identifiers):
            rows = self._rows(
                "SELECT id, score, vector, severity, summary, published FROM record"  # noqa: S608
                f" WHERE id IN ({_marks(chunk)})",
                chunk,
            )
            for identifier, score, vector, word, summary, published in rows:
                new = (score or 0.0, vector or "", word or "", summary or "", published or "")
                old = found.get(identifier)
                found[identifier] = new if old is None else richer(old, new)
        return found

    def exploited(self, identifiers: Iterable[str]) -> dict[str, Exploited]:
        """Identifier → its entry among those known to be exploited."""
        rows = self._in("SELECT vulnerability, added, due, ransomware FROM exploited", identifiers)
        return {row[0]: Exploited(row[0], row[1], row[2] or "", bool(row[3])) for row in rows}

    def scores(self, identifiers: Iterable[str]) -> dict[str, Score]:
        """Identifier → its EPSS score."""
        rows = self._in("SELECT vulnerability, epss, percentile FROM score", identifiers)
        return {row[0]: Score(*row) for row in rows}

    @cached_property
    def epss_model(self) -> str:
        """The version of the model of the EPSS scores; empty if it is not known, or if two are."""
        found = {cycle.cycle for cycle in self.cycles(EPSS)}
        return found.pop() if len(found) == 1 else ""

    def _in(self, query: str, identifiers: Iterable[str]) -> list[Any]:
        return [
            row
            for chunk in _chunks(identifiers)
            for row in self._rows(f"{query} WHERE vulnerability IN ({_marks(chunk)})", chunk)
        ]

    def cycles(self, product: str) -> tuple[Cycle, ...]:
        """The release cycles of a product, as endoflife.date calls it."""
        rows = self._rows(
            "SELECT product, cycle, codename, released, eol, lts FROM cycle WHERE product = ?",
            (product,),
        )
        return tuple(Cycle(*(cell or "" for cell in row)) for row in rows)

    @cached_property
    def support(self) -> tuple[Support, ...]:
        """What Debian supports only in part, or no more."""
        rows = self._rows("SELECT release, pattern, kind, last_version, date, text FROM support")
        return tuple(Support(*(cell or "" for cell in row)) for row in rows)

    def in_archive(self, sources: Iterable[str], release: str) -> tuple[InArchive, ...]:
        """The versions that a release's suites had of source packages when the tracker was read."""
        rows: list[Any] = []
        for chunk in _chunks(sources):
            rows += self._rows(
                "SELECT release, suite, source, version FROM in_archive"  # noqa: S608
                f" WHERE source IN ({_marks(chunk)}) AND release = ?",
                (*chunk, release),
            )
        return tuple(InArchive(*row) for row in rows)


def richer(old: Rating, new: Rating) -> Rating:
    """The one with the higher score, with the words that it lacks from the other."""
    better, other = (new, old) if new[0] > old[0] else (old, new)
    return (
        better[0],
        better[1],
        better[2] or other[2],
        better[3] or other[3],
        better[4] or other[4],
    )


def _record(row: Any) -> StoredRecord:
    key, feed, *cells = row
    texts = [cell or "" for cell in cells]
    lists = [tuple(json.loads(cell)) if cell else () for cell in cells[8:]]
    return StoredRecord(
        key,
        feed,
        Record(
            id=texts[0],
            modified=texts[1],
            published=texts[2],
            withdrawn=texts[3],
            severity=texts[4],
            vector=texts[5],
            score=cells[6] or 0.0,
            summary=texts[7],
            aliases=lists[0],
            related=lists[1],
            notes=lists[2],
        ),
    )


def _chunks(values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    everything = tuple(dict.fromkeys(values))
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


def _marks(chunk: Sequence[Any]) -> str:
    return ",".join("?" * len(chunk))
