"""OSV records (OSV schema 1.x), one JSON file each: the bulk exports and their updates.

Ranges of distributions become a plain fixed version where that says the same; ranges of languages
are kept. `DELETED.txt` in an update lists records that were taken back, one a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from ironhull.advisories.interface import Deleted, Document, FeedDate, malformed
from ironhull.advisories.model import Claim, Range, Record, State
from ironhull.advisories.names import normal_name
from ironhull.advisories.severity import base_score

MAX_SUMMARY = 300
MAX_EVENTS = 10_000
MAX_VERSIONS = 20_000
DELETED = "DELETED.txt"
_SECONDS = len("2024-01-01T00:00:00")

LANGUAGES = {
    "npm": "npm",
    "pypi": "pypi",
    "go": "golang",
    "maven": "maven",
    "rubygems": "gem",
    "packagist": "composer",
    "nuget": "nuget",
    "crates": "cargo",
}
"""OSV's ecosystem, lower case and without what follows a dot, to the purl type."""

_DHI = "docker hardened images"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,127}")
_DISTRIBUTION_ADVISORY = re.compile(r"(?:DSA|DLA|DTSA)-\d+")


class _Package(msgspec.Struct):
    ecosystem: str = ""
    name: str = ""


class _Event(msgspec.Struct):
    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""


class _Range(msgspec.Struct):
    type: str
    events: list[_Event] = []


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] = []
    versions: msgspec.Raw = msgspec.Raw(b"[]")
    """Read where they count: distributions list thousands beside a range that says the same."""
    ecosystem_specific: Any = None


class _Severity(msgspec.Struct):
    type: str
    score: str


class _Entry(msgspec.Struct):
    id: str
    modified: str
    published: str = ""
    withdrawn: str | None = None
    aliases: list[str] | None = None
    related: list[str] | None = None
    upstream: list[str] | None = None
    summary: str = ""
    details: str = ""
    severity: list[_Severity] | None = None
    affected: list[_Affected] | None = None
    database_specific: Any = None


_DECODER = msgspec.json.Decoder(_Entry)
_VERSIONS = msgspec.json.Decoder(list[str])
_new = tuple.__new__


@dataclass(frozen=True, slots=True)
class OsvFeed:
    """`family` is what to keep of the records: `debian`, `alpine`, a purl type; empty for all.

    A bulk export mixes ecosystems, so what another feed brings is left to that feed.
    """

    family: str = ""
    matches: bool = True

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json") or name == DELETED

    def read(self, documents: Iterable[Document]) -> Iterator[Record | FeedDate | Deleted]:
        """As `Feed.read`."""
        latest = ""
        for document in documents:
            data = document.read()
            if document.name == DELETED:
                yield from _deleted(data, document.name)
                continue
            record = self._record(data, document.name)
            if record.claims or record.withdrawn or not self.family:
                yield record
            # One no later than what was said need not be said: there are as many as records.
            date = record.modified
            if date[-1] != "Z" or date[:_SECONDS] > latest:
                latest = max(latest, date[:_SECONDS]) if date[-1] == "Z" else latest
                yield FeedDate(date)

    def _record(self, data: bytes, name: str) -> Record:
        try:
            entry = _DECODER.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise malformed(name, f"not an OSV record: {error}") from None
        if not _IDENTIFIER.fullmatch(entry.id):
            raise malformed(name, f"not an identifier: {entry.id!r:.60}")
        if not _DATE.fullmatch(entry.modified):
            raise malformed(name, f"modified is not a date: {entry.modified!r:.60}")
        try:
            claims = self._claims(entry, name) if entry.affected else ()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise malformed(name, f"not an OSV record: {error}") from None
        vector, score = _severity(entry.severity) if entry.severity else ("", 0.0)
        named = (entry.aliases or []) + (entry.upstream or [])
        aliases = tuple(dict.fromkeys(named)) if named else ()
        return Record(
            id=entry.id,
            modified=entry.modified,
            published=entry.published,
            withdrawn=entry.withdrawn or "",
            severity=_word(entry.database_specific),
            vector=vector,
            score=score,
            summary=_one_line(entry.summary or entry.details[: 2 * MAX_SUMMARY]),
            aliases=aliases,
            claims=claims,
        )

    def _claims(self, entry: _Entry, name: str) -> tuple[Claim, ...]:
        found: list[Claim] = []
        vulnerabilities = _vulnerabilities(entry)
        advisory = entry.id if _DISTRIBUTION_ADVISORY.match(entry.id) else ""
        for affected in entry.affected or ():
            about = affected.package
            ecosystem = _kept(about.ecosystem, self.family) if about else ""
            if not ecosystem or about is None or not about.name:
                continue
            package = normal_name(ecosystem, about.name)
            said = _said(ecosystem, affected, name)
            by = advisory if ":" in ecosystem else ""
            # As the fields stand; their names and defaults would take thrice as long.
            found += [
                _new(Claim, (ecosystem, package, each, *said, "", "", by, 0))
                for each in vulnerabilities
            ]
        return tuple(found)


def _one_line(text: str) -> str:
    """The beginning, each white space as one blank."""
    head = text[: MAX_SUMMARY + 1]
    # Of white space only the blank is printable; most are one line, and words take long to part.
    if head.isprintable() and "  " not in head and head[:1] != " ":
        return head[:MAX_SUMMARY] if len(head) > MAX_SUMMARY else head.removesuffix(" ")
    return " ".join(text.split())[:MAX_SUMMARY]


def _said(
    ecosystem: str, affected: _Affected, name: str
) -> tuple[State, str, tuple[Range, ...], tuple[str, ...], str]:
    """State, fixed, ranges, versions and urgency of a claim."""
    ranges = _ranges(affected, name)
    if ":" not in ecosystem:
        versions = () if ranges else tuple(_VERSIONS.decode(affected.versions)[:MAX_VERSIONS])
        return State.RANGES, "", ranges, versions, ""
    specific = affected.ecosystem_specific
    urgency = specific.get("urgency", "") if isinstance(specific, dict) else ""
    urgency = urgency if isinstance(urgency, str) else ""
    state, fixed = _single(ranges)
    if state is State.UNFIXED and urgency == "end-of-life":
        state = State.END_OF_LIFE
    return state, fixed, (), (), urgency


def _single(ranges: tuple[Range, ...]) -> tuple[State, str]:
    """A distribution's ranges as one fixed version, below which everything counts as affected.

    Distributions write one range from the beginning. Of anything else the end of the last range is
    taken, and the beginning of the first is not believed.
    """
    if not ranges:
        return State.UNFIXED, ""
    fixed = ranges[-1][1]
    if not fixed or (len(ranges) > 1 and not all(end for _, end, _ in ranges)):
        return State.UNFIXED, ""
    if fixed == "0":
        return State.NOT_AFFECTED, ""
    return State.FIXED, fixed


def _ranges(affected: _Affected, name: str) -> tuple[Range, ...]:
    if len(affected.ranges) == 1 and len(affected.ranges[0].events) <= 2:
        only = affected.ranges[0]
        if only.type == "GIT":
            return ()
        introduced = fixed = last = ""
        for event in only.events:
            introduced = introduced or event.introduced
            fixed, last = fixed or event.fixed, last or event.last_affected
        return ((introduced, fixed, last),)
    pairs: list[Range] = []
    for each in affected.ranges:
        if each.type == "GIT":
            continue
        if len(each.events) > MAX_EVENTS:
            raise malformed(name, f"a range of {len(each.events)} events")
        start: str | None = None
        for event in each.events:
            if event.introduced:
                if start is not None:
                    pairs.append((start, "", ""))
                start = event.introduced
            elif event.fixed or event.last_affected:
                pairs.append((start or "0", event.fixed, event.last_affected))
                start = None
        if start is not None:
            pairs.append((start, "", ""))
    return tuple(pairs)


def _vulnerabilities(entry: _Entry) -> tuple[str, ...]:
    """What the record is about. A DSA is about its CVEs; other records are about themselves."""
    if _DISTRIBUTION_ADVISORY.match(entry.id):
        named = [*(entry.upstream or ()), *(entry.aliases or ()), *(entry.related or ())]
        found = tuple(dict.fromkeys(filter(None, map(cve_of, named))))
        return found or (entry.id,)
    own = cve_of(entry.id)
    if own:
        return (own,)
    aliases = [*(entry.aliases or ()), *(entry.upstream or ())]
    cves = sorted(filter(None, map(cve_of, aliases)))
    return (cves[0] if cves else entry.id,)


def cve_of(identifier: str) -> str:
    """The CVE that an identifier is or carries (`DEBIAN-CVE-2024-1`), or nothing."""
    for prefix in ("DEBIAN-", "ALPINE-", "DHI-"):
        identifier = identifier.removeprefix(prefix)
    return identifier if _CVE.fullmatch(identifier) else ""


@lru_cache(maxsize=1024)
def _kept(name: str, family: str) -> str:
    """The ecosystem of a name, if the family is its own or any; else nothing."""
    ecosystem = _ecosystem(name)
    return ecosystem if not family or ecosystem.partition(":")[0] == family else ""


def _ecosystem(name: str) -> str:
    family, colon, release = name.partition(":")
    lowered = family.lower()
    if lowered == _DHI:
        # `Docker Hardened Images:Debian:13`: their own packages on a release of a distribution.
        return f"dhi:{release.lower()}" if colon else ""
    if lowered == "debian":
        return f"debian:{release.lower()}" if colon else "debian:sid"
    if lowered == "alpine":
        return f"alpine:{release.lower().removeprefix('v')}" if colon else ""
    return LANGUAGES.get(lowered.partition(".")[0], "")


def _severity(given: Iterable[_Severity]) -> tuple[str, float]:
    """The vector of the highest CVSS version that can be computed, and its score."""
    best = ("", 0.0)
    for each in sorted(given, key=lambda item: item.type, reverse=True):
        score = base_score(each.score) if each.type.startswith("CVSS_") else None
        if score is not None:
            return each.score, score
    return best


def _word(specific: object) -> str:
    word = specific.get("severity") if isinstance(specific, dict) else None
    return word.lower() if isinstance(word, str) and len(word) <= 20 else ""


def _deleted(data: bytes, name: str) -> Iterator[Deleted]:
    for line in data.decode("utf-8", "replace").splitlines():
        identifier = line.strip().removesuffix(".json")
        if identifier and not _IDENTIFIER.fullmatch(identifier):
            raise malformed(name, f"not an identifier: {identifier!r:.60}")
        if identifier:
            yield Deleted(identifier)
