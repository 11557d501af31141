"""What a scan says: findings, what could not be matched, warnings, and the verdict over all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from ironhull.scan.severities import RANK as RANK
from ironhull.scan.severities import SEVERITIES as SEVERITIES
from ironhull.values import dataclass
from ironhull.vex.status import VexStatus


class FixState(StrEnum):
    """What can be done about a finding."""

    FIXED = "fixed"
    """The feed names a fixed version; no archive index was at hand to see it."""
    AVAILABLE = "fix-available"
    """The fixed version is in the archive (`Finding.fix_suite`)."""
    PENDING = "fix-pending"
    """The fixed version is recorded but the archive does not have it yet."""
    NOT_PLANNED = "no-fix-planned"
    """The distribution says that it will not fix it (`Finding.reason`)."""
    UNKNOWN = "no-fix-known"
    """Vulnerable, and nothing is known of a fix."""


FIXABLE = frozenset({FixState.FIXED, FixState.AVAILABLE})

Verdict = Literal["complete", "partial", "stale", "unknown", "eol"]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a VEX document, or our own evidence, says about a finding."""

    status: VexStatus
    justification: str = ""
    statement: str = ""
    """Impact or action, in the author's words."""
    document: str = ""
    """File, referrer's digest or `ironhull:evidence`."""
    author: str = ""
    date: str = ""
    contradicts: str = ""
    """What the feed says against it; the feed counts then."""

    @property
    def suppresses(self) -> bool:
        """Whether the finding is cleared. `under_investigation` counts as affected."""
        return self.status in ("not_affected", "fixed") and not self.contradicts


@dataclass(frozen=True, slots=True)
class Accepted:
    """A risk that a person took (exceptions file). Not VEX: the finding stays true."""

    owner: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one installed package at one place."""

    id: str
    package: str
    version: str
    source: str
    source_version: str
    type: str
    location: str
    layer: str
    purl: str
    fix_state: FixState
    fixed_version: str = ""
    fix_suite: str = ""
    severity: str = "unknown"
    urgency: str = ""
    """The distribution's own word, beside what CVSS says."""
    cvss: float | None = None
    vector: str = ""
    kev: str = ""
    """Date on which CISA listed it; empty if it is not."""
    epss: float | None = None
    percentile: float | None = None
    state: str = ""
    """What the feed says: `ironhull.advisories.model.State`; `unknown` where nobody can tell, for
    others rebuilt the package (`reason`)."""
    reason: str = ""
    title: str = ""
    feed: str = ""
    record: str = ""
    record_date: str = ""
    published: str = ""
    advisory: str = ""
    bug: int = 0
    vex: Assessment | None = None
    accepted: Accepted | None = None

    @property
    def suppressed(self) -> bool:
        """Whether VEX says that it does not concern this image."""
        return self.vex is not None and self.vex.suppresses

    @property
    def unknown(self) -> str:
        """Why nobody can say whether it is vulnerable; empty where it is."""
        return self.reason if self.state == "unknown" else ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same finding in another scan of the same or a later image."""
        return self.id, self.type, self.package, self.location

    @property
    def risk(self) -> tuple[float, ...]:
        """Sorts the worst first: exploited, then probable × bad, then bad, then fixable."""
        score = self.cvss if self.cvss is not None else 0.0
        return (
            0.0 if self.kev else 1.0,
            -(self.epss or 0.0) * (score or 5.0),
            float(RANK.get(self.severity, len(RANK))),
            -score,
            0.0 if self.fix_state in FIXABLE else 1.0,
        )


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A package that could not be compared, and why. Never skipped in silence."""

    package: str
    version: str
    type: str
    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class Caveat:
    """A warning: something that a person must know to read the counts right."""

    kind: Literal[
        "eol",
        "lts",
        "support-ended",
        "support-limited",
        "static",
        "stale",
        "fallback",
        "no-data",
        "inventory",
        "accepted",
        "exception",
        "vex",
    ]
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """Which data the scan rests on."""

    date: str
    """Of the newest feed that packages were matched against."""
    sources: tuple[tuple[str, str, int], ...]
    """Feed, date, records."""
    stale: bool = False
    """Whether data that packages were matched against are older than they should be."""
    old: tuple[str, ...] = ()
    """All feeds that are, also those that no package is matched against."""
    note: str = ""
    """Where they come from, if not from the feeds themselves: `a snapshot …`."""
    any_age: bool = False
    """Whether whoever asked takes data of any age; `stale` says what they are all the same."""

    @property
    def refused(self) -> bool:
        """Whether the data are too old for whoever asked."""
        return self.stale and not self.any_age

    @property
    def knows_exploited(self) -> bool:
        """Whether a feed of vulnerabilities known to be exploited is there, with records."""
        return any(name == "kev" and records for name, _, records in self.sources)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The whole answer. Findings are sorted by risk."""

    image: str
    digest: str
    distribution: str
    distribution_name: str
    database: DatabaseInfo
    findings: tuple[Finding, ...]
    unmatched: tuple[Unmatched, ...] = ()
    warnings: tuple[Caveat, ...] = ()
    packages: int = 0
    scanned: str = ""
    verdict: Verdict = "complete"
    """`unknown`: no data about the release; `eol`: nobody records its vulnerabilities any more;
    `partial`: some packages could not be matched, or some files not be read."""
    manifest: str = ""
    """Digest of the manifest that was looked into, where `digest` is that of an index."""

    @property
    def open(self) -> tuple[Finding, ...]:
        """What is left after VEX. Accepted risks are in it."""
        return tuple(finding for finding in self.findings if not finding.suppressed)


def by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """Counts by severity, worst first, without the zeros."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    return {severity: count for severity, count in counts.items() if count}
