"""Facts about images on disk, built once per digest, so that a page costs a look and a template.

A SQLite file in the home: facts of builds and scans as compressed JSON, and tables for what is
asked across images. It can be made again from the store at any time but for what it saw happen:
when tags moved, and counts of days. Several processes may use it at once.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from isal.isal_zlib import decompress

from ironhull.catalog.facts import (
    BuildFacts,
    ChangelogFacts,
    DayCount,
    Moved,
    ScanFacts,
    Status,
    Summary,
)
from ironhull.catalog.index_file import IndexFile

MAX_HISTORY = 500
"""Moves of tags, and counts of days, that one answer has."""
MAX_NAMES = 1 << 16
"""Signs of the packages' names that an image is found by; every reader's shelf has them."""
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Hit:
    """A vulnerability in the image of one platform."""

    digest: str
    """Of the build that it is a part of."""
    manifest: str
    """Of the platform's image."""
    package: str
    status: Status
    severity: str
    said: str
    """Why it is not affected, or what to do."""


class CatalogIndex:
    """The open index; any number of threads may use it. `:memory:` is one that is not kept.

    EnvironmentProblem from every method where the file cannot be used.
    """

    def __init__(self, path: Path | str) -> None:
        self._file = IndexFile(path)
        self._lock = threading.Lock()
        self._summaries: dict[str, Summary] = {}
        self._read = 0
        self._naming = threading.Lock()
        self._names: dict[str, tuple[str, ...]] = {}
        self._names_read = 0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def generation(self) -> int:
        """Another number after each change of what is kept."""
        return int(self._file.row("SELECT number FROM generation")[0])

    def summaries(self) -> Mapping[str, Summary]:
        """Summaries of all builds by digest; only what changed is read again."""
        with self._lock, self._file.reading() as database:
            rows = database.execute(
                "SELECT digest, summary, changed FROM build WHERE changed > ?", (self._read,)
            )
            newest = self._read
            for digest, data, changed in rows:
                self._summaries[digest] = _shared(_SUMMARY.decode(data))
                newest = max(newest, changed)
            self._read = newest
            return self._summaries

    def changed_since(self, generation: int) -> set[str]:
        """Builds of which something else is known than at a generation."""
        with self._file.reading() as database:
            query = "SELECT digest FROM build WHERE changed > ?"
            return {digest for (digest,) in database.execute(query, (generation,))}

    def build(self, digest: str) -> BuildFacts | None:
        """The facts of a build; None where nobody gathered them yet."""
        return self._one("SELECT facts FROM build WHERE digest = ?", digest, _BUILD)

    def scan(self, manifest: str) -> ScanFacts | None:
        """The newest scan of a platform's image; None where there is none."""
        return self._one("SELECT facts FROM scan WHERE manifest = ?", manifest, _SCAN)

    def stamps(self) -> dict[str, str]:
        """Manifest → with which advisories it was scanned, as `put_scan` was told."""
        with self._file.reading() as database:
            rows = database.execute("SELECT manifest, stamp FROM scan")
            return {manifest: sys.intern(stamp) for manifest, stamp in rows}

    def put(self, build: BuildFacts) -> None:
        """Keep the facts of a build."""
        with self._file.changing() as (database, number):
            known = self._known(database, build.digest)
            database.execute(
                "INSERT OR REPLACE INTO build VALUES (?, ?, ?, ?)",
                (build.digest, _json(_summary(build, known)), _packed(build), number),
            )
            for place, platform in enumerate(build.platforms):
                part = (platform.digest, build.digest, place == 0)
                database.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?)", part)
                database.executemany(
                    "INSERT OR IGNORE INTO installed VALUES (?, ?, ?)",
                    {
                        (name, platform.digest, each.source_version or each.version)
                        for each in platform.packages
                        for name in (each.name, each.source)
                        if name
                    },
                )

    def put_scan(
        self,
        scan: ScanFacts,
        stamp: str,
        plain: ScanFacts | None = None,
        words: Iterable[str] = (),
    ) -> None:
        """Keep a scan in place of an older one, and its counts in the builds' summaries.

        `plain` is the scan without what `words` vouch for: what `withdraw` goes back to.
        """
        with self._file.changing() as (database, number):
            database.execute("DELETE FROM vouched WHERE manifest = ?", (scan.manifest,))
            if plain is not None:
                vouched = (scan.manifest, " ".join(sorted(words)), _packed(plain))
                database.execute("INSERT INTO vouched VALUES (?, ?, ?)", vouched)
            database.execute(
                "INSERT OR REPLACE INTO scan VALUES (?, ?, ?)",
                (scan.manifest, stamp, _packed(scan)),
            )
            database.execute("DELETE FROM finding WHERE manifest = ?", (scan.manifest,))
            database.executemany(
                "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (each.id, scan.manifest, each.package, each.status, each.severity, _said(each))
                    for each in scan.findings
                ],
            )
            wanted = "SELECT digest, first FROM part WHERE manifest = ?"
            for digest, first in database.execute(wanted, (scan.manifest,)).fetchall():
                known = self._known(database, digest)
                if known is not None:
                    summary = _counted(known, scan) if first else _scanned_too(known, scan)
                    database.execute(
                        "UPDATE build SET summary = ?, changed = ? WHERE digest = ?",
                        (_json(summary), number, digest),
                    )

    def words(self, package: str) -> tuple[ChangelogFacts, ...] | None:
        """The kept changelog of a package file, by its digest; None where nobody read it yet."""
        query = "SELECT facts FROM changelog WHERE package = ?"
        return self._one(query, package, _CHANGELOG)

    def put_words(self, package: str, entries: tuple[ChangelogFacts, ...]) -> None:
        """Keep a changelog; it changes no answer, so the generation stays."""
        with self._file.writing() as database:
            row = (package, _packed(entries))
            database.execute("INSERT OR REPLACE INTO changelog VALUES (?, ?)", row)

    def withdraw(self, words: Callable[[], Set[str]]) -> int:
        """Go back to the plain scan where others than these vouch for one; how many there were.

        `words` is asked only where anybody vouches for anything.
        """
        with self._file.reading() as database:
            rows = database.execute("SELECT DISTINCT words FROM vouched").fetchall()
        gone = [said for (said,) in rows if not words() >= set(said.split())]
        if not gone:
            return 0
        with self._file.writing() as database:
            query = "SELECT manifest, plain FROM vouched WHERE words = ?"
            found = [row for said in gone for row in database.execute(query, (said,)).fetchall()]
            for _, plain in found:
                self.put_scan(_SCAN.decode(zlib.decompress(plain)), "")
            return len(found)

    # -- across images ---------------------------------------------------------------------------

    def affected(self, vulnerability: str, digests: Iterable[str] | None = None) -> list[Hit]:
        """Where a vulnerability is, before VEX: a hit for each build of the platform's image.

        With `digests` in these builds alone, and others are not even looked at.
        """
        query = "SELECT p.digest, p.manifest, f.package, f.status, f.severity, f.said FROM "
        given: tuple[str, ...] = (vulnerability,)
        if digests is None:
            query += "finding f JOIN part p ON p.manifest = f.manifest WHERE f.vulnerability = ?"
        else:
            # SQLite takes tables that are joined so in this order.
            query += (
                "part p CROSS JOIN finding f ON f.vulnerability = ? AND f.manifest = p.manifest"
                " WHERE p.digest IN (SELECT value FROM json_each(?))"
            )
            given = (vulnerability, _listed(digests))
        with self._file.reading() as database:
            return [Hit(*row) for row in database.execute(query, given)]

    def had(self, digests: Iterable[str]) -> set[tuple[str, str]]:
        """(repository, tag) that was seen at any of these builds."""
        query = "SELECT repository, tag FROM moved WHERE digest IN (SELECT value FROM json_each(?))"
        with self._file.reading() as database:
            return set(database.execute(query, (_listed(digests),)))

    def stood_for(self, repositories: Iterable[str]) -> set[str]:
        """All builds that tags of these repositories were seen at."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT DISTINCT digest FROM moved"
                " WHERE repository IN (SELECT value FROM json_each(?))",
                (_listed(repositories),),
            )
            return {digest for (digest,) in rows if digest}

    def installed(self, names: Iterable[str], digests: Iterable[str]) -> list[tuple[str, str, str]]:
        """(build, name, version) of these builds that have a source or package of these names."""
        wanted = list(dict.fromkeys(names))[:200]
        with self._file.reading() as database:
            return database.execute(
                "SELECT p.digest, i.name, i.version FROM part p JOIN installed i"
                " ON i.manifest = p.manifest WHERE p.digest IN (SELECT value FROM json_each(?))"
                " AND i.name IN (SELECT value FROM json_each(?)) ORDER BY p.first DESC",
                (_listed(digests), _listed(wanted)),
            ).fetchall()

    def findings(self, digests: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
        """(vulnerability, build, status, severity) of all that was found in these builds."""
        wanted = list(digests)
        for start in range(0, len(wanted), 100):
            with self._file.reading() as database:
                rows = database.execute(
                    "SELECT f.vulnerability, p.digest, f.status, f.severity FROM part p"
                    " JOIN finding f ON f.manifest = p.manifest"
                    " WHERE p.digest IN (SELECT value FROM json_each(?))",
                    (_listed(wanted[start : start + 100]),),
                ).fetchall()
            yield from rows

    def found_names(self) -> Mapping[str, Sequence[str]]:
        """Build → what was found in it, of all builds; only what changed is read again.

        For whoever may see some of them: from here that is worked out at once, and nothing is read.
        """
        with self._naming:
            with self._file.reading() as database:
                query = "SELECT digest, changed FROM build WHERE changed > ?"
                changed = dict(database.execute(query, (self._names_read,)).fetchall())
            found: dict[str, dict[str, None]] = {digest: {} for digest in changed}
            for vulnerability, digest, _, _ in self.findings(changed):
                found[digest][sys.intern(vulnerability)] = None
            self._names.update({digest: tuple(names) for digest, names in found.items()})
            self._names_read = max(changed.values(), default=self._names_read)
            return self._names

    def parts(self) -> Mapping[str, Sequence[str]]:
        """Digest of a build → its platforms' manifests, the first one first."""
        found: dict[str, list[str]] = {}
        with self._file.reading() as database:
            query = "SELECT digest, manifest FROM part ORDER BY digest, first DESC"
            for digest, manifest in database.execute(query):
                found.setdefault(digest, []).append(manifest)
        return found

    # -- what was seen to happen -----------------------------------------------------------------

    def saw_tags(self, repository: str, tags: Mapping[str, str], at: str) -> None:
        """Write down which tags moved since they were seen last; `tags`: tag → digest."""
        newest = dict(self._newest(repository))
        moved = [
            (repository, tag, digest, at)
            for tag, digest in sorted(tags.items())
            if newest.get(tag) != digest
        ]
        moved += [
            (repository, tag, "", at)
            for tag, digest in newest.items()
            if digest and tag not in tags
        ]
        if moved:
            with self._file.changing() as (database, _):
                database.executemany("INSERT INTO moved VALUES (?, ?, ?, ?)", moved[::-1])

    def moves(self, repository: str, tag: str = "") -> list[Moved]:
        """Where tags pointed, the newest first; an empty digest: the tag was removed."""
        query = "SELECT tag, digest, at FROM moved WHERE repository = ?"
        query += " AND tag = ?" if tag else ""
        given = (repository, tag) if tag else (repository,)
        with self._file.reading() as database:
            rows = database.execute(f"{query} ORDER BY rowid DESC LIMIT {MAX_HISTORY}", given)
            return [Moved(*row) for row in rows]

    def history(self, repository: str, tag: str, start: int, most: int) -> tuple[int, list[Moved]]:
        """How often a tag moved, and some of its moves, the newest first."""
        given = (repository, tag)
        with self._file.reading() as database:
            (count,) = database.execute(
                "SELECT count(*) FROM moved WHERE repository = ? AND tag = ?", given
            ).fetchone()
            rows = database.execute(
                "SELECT tag, digest, at FROM moved WHERE repository = ? AND tag = ?"
                " ORDER BY rowid DESC LIMIT ? OFFSET ?",
                (*given, most, start),
            )
            return int(count), [Moved(*row) for row in rows]

    def newest_moves(self, repositories: Iterable[str], most: int) -> list[tuple[str, Moved]]:
        """(repository, move) of these repositories, the newest first."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT repository, tag, digest, at FROM moved"
                " WHERE repository IN (SELECT value FROM json_each(?)) ORDER BY rowid DESC LIMIT ?",
                (_listed(repositories), most),
            )
            return [(repository, Moved(*rest)) for repository, *rest in rows]

    def counted(self, counts: Iterable[tuple[str, DayCount]]) -> None:
        """Keep counts of a day of repositories; the last of a day stays."""
        rows = [(name, each.day, each.tag, each.raw, each.open) for name, each in counts]
        with self._file.writing() as database:
            # What is there already is not written: it is most of them, whenever one image came.
            database.executemany(
                "INSERT INTO day VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET raw = excluded.raw, open = excluded.open"
                " WHERE raw <> excluded.raw OR open <> excluded.open",
                rows,
            )

    def days(self, repository: str, tag: str) -> list[DayCount]:
        """Counts of a tag, the oldest first."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT day, tag, raw, open FROM day WHERE repository = ? AND tag = ?"
                " ORDER BY day DESC LIMIT ?",
                (repository, tag, MAX_HISTORY),
            ).fetchall()
            return [DayCount(*row) for row in reversed(rows)]

    def _newest(self, repository: str) -> list[tuple[str, str]]:
        with self._file.reading() as database:
            return database.execute(
                "SELECT tag, digest FROM moved WHERE repository = ? ORDER BY rowid", (repository,)
            ).fetchall()

    def _known(self, database: sqlite3.Connection, digest: str) -> Summary | None:
        row = database.execute("SELECT summary FROM build WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else _SUMMARY.decode(row[0])

    def _one(self, query: str, key: str, decoder: msgspec.json.Decoder[_Value]) -> _Value | None:
        row = self._file.row(query, key)
        return None if row is None else decoder.decode(decompress(row[0]))


# Made when this is loaded: what msgspec first learns of a type in several threads at once ends the
# process.
_SUMMARY = msgspec.json.Decoder(Summary)
_BUILD = msgspec.json.Decoder(BuildFacts)
_SCAN = msgspec.json.Decoder(ScanFacts)
_CHANGELOG = msgspec.json.Decoder(tuple[ChangelogFacts, ...])
_SHARED = (
    *("created", "title", "description", "variant", "flavor", "end_of_life", "names"),
    *("scanned", "verdict", "problem"),
)


def _shared(summary: Summary) -> Summary:
    """The same with one text for what the tags of an image mostly have in common.

    They are set in place, as nobody has the value yet: 20,000 copies are half a second.
    """
    for name in _SHARED:
        object.__setattr__(summary, name, sys.intern(getattr(summary, name)))
    object.__setattr__(summary, "platforms", tuple(map(sys.intern, summary.platforms)))
    return summary


def _listed(texts: Iterable[str]) -> str:
    """Many values for one parameter of a query: SQLite's `json_each` takes them out again."""
    return msgspec.json.encode(list(texts)).decode()


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _packed(value: Any) -> bytes:
    return zlib.compress(_json(value), 3)


def _said(finding: Any) -> str:
    cleared = finding.status in ("not_affected", "fixed")
    said = str((finding.statement or finding.justification) if cleared else finding.advice)
    return f"{said} (VEX signed by {finding.said_by})".strip() if finding.said_by else said


def _summary(build: BuildFacts, known: Summary | None) -> Summary:
    first = build.platforms[0] if build.platforms else None
    names = {each.name for each in first.packages} if first else set()
    made = Summary(
        build.digest,
        build.created,
        build.title,
        build.description,
        build.variant,
        build.flavor,
        build.end_of_life,
        tuple(each.platform for each in build.platforms),
        first.size if first else 0,
        len(first.packages) if first else 0,
        " ".join(sorted(names))[:MAX_NAMES],
        problem=build.problem,
    )
    if known is None:
        return made
    return replace(
        made,
        raw=known.raw,
        open=known.open,
        severe=known.severe,
        scanned=known.scanned,
        verdict=known.verdict,
        rest=known.rest,
        counts=known.counts,
    )


def _scanned_too(known: Summary, scan: ScanFacts) -> Summary:
    verdicts = [each for each in known.rest if each[0] != scan.manifest]
    counts = [each for each in known.counts if each[0] != scan.manifest]
    counts.append((scan.manifest, len(scan.findings), len(scan.open), _severe(scan)))
    verdicts.append((scan.manifest, scan.verdict))
    return replace(known, rest=tuple(sorted(verdicts)), counts=tuple(sorted(counts)))


def _counted(known: Summary, scan: ScanFacts) -> Summary:
    return replace(
        known,
        raw=len(scan.findings),
        open=len(scan.open),
        severe=_severe(scan),
        scanned=scan.scanned,
        verdict=scan.verdict,
    )


def _severe(scan: ScanFacts) -> int:
    return sum(each.severity in ("critical", "high") for each in scan.open)
