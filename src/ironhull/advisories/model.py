"""What feeds say, as values: records with claims, and facts about exploitation and support.

A *record* is one entry of a feed under the feed's own identifier. A *claim* is one sentence of it:
this package, in this ecosystem, is affected by this vulnerability, in this way. Everything that is
matched is a claim; everything that is shown can name its record, its feed and its date.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ironhull.values import dataclass


class State(StrEnum):
    """What a claim says. Debian's kinds keep Debian's words (security tracker introduction)."""

    FIXED = "fixed"
    """From `Claim.fixed` on, the package is not vulnerable."""
    UNFIXED = "unfixed"
    NOT_AFFECTED = "not-affected"
    NO_DSA = "no-dsa"
    """No immediate advisory. Says nothing about being affected or not."""
    POSTPONED = "postponed"
    IGNORED = "ignored"
    END_OF_LIFE = "end-of-life"
    UNDETERMINED = "undetermined"
    REMOVED = "removed"
    """No longer in unstable. A release may still hold it, vulnerable."""
    ITP = "itp"
    """Only intended to be packaged."""
    RANGES = "ranges"
    """Affected where `Claim.ranges` or `Claim.versions` say so (OSV semantics)."""
    EXPRESSION = "expression"
    """Affected where the npm ranges in `Claim.line` say so (Node.js core index)."""


Range = tuple[str, str, str]
"""Introduced, fixed, last affected; the latter two empty where open."""


class Claim(NamedTuple):
    """One sentence of a record about one package in one ecosystem.

    A tuple, for a first import makes hundreds of thousands: a third of the time of other values.
    """

    ecosystem: str
    """Lower case: `debian:12`, `debian:sid` (a line without release), `alpine:3.20`, `npm`, …"""
    package: str
    """Debian, Alpine: the source package. Others: the name as the ecosystem normalises it."""
    vulnerability: str
    """The identifier that is reported: the CVE if there is one."""
    state: State
    fixed: str = ""
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    urgency: str = ""
    reason: str = ""
    line: str = ""
    """The feed's own words, for explanations."""
    advisory: str = ""
    """The DSA or DLA that says so, if it is not the vulnerability's own entry."""
    bug: int = 0
    """Number in Debian's bug tracker, which stays when a temporary identifier becomes a CVE."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a feed."""

    id: str
    modified: str = ""
    """RFC 3339 as the feed writes it; empty where it has no dates."""
    published: str = ""
    withdrawn: str = ""
    severity: str = ""
    """A word of the feed (`HIGH`), if it has one of its own."""
    vector: str = ""
    """CVSS, the highest version given."""
    score: float = 0.0
    """CVSS base score of `vector`; 0.0 where there is none."""
    summary: str = ""
    aliases: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    """Debian's cross-references: the DSA and DLA of a CVE."""
    notes: tuple[str, ...] = ()
    """Debian's NOTE and TODO lines."""
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploited:
    """A vulnerability that is used in attacks (CISA KEV)."""

    vulnerability: str
    added: str
    due: str = ""
    ransomware: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """How probable exploitation within 30 days is (EPSS): 0 to 1, and the rank among all."""

    vulnerability: str
    epss: float
    percentile: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """A release of a distribution or runtime and how long it is maintained. Dates: YYYY-MM-DD."""

    product: str
    cycle: str
    codename: str = ""
    released: str = ""
    eol: str = ""
    """End of the maintainers' own security support."""
    lts: str = ""
    """End of long-term or extended support by a second team."""


@dataclass(frozen=True, slots=True)
class Support:
    """Ended or limited security support of source packages (debian-security-support)."""

    release: str
    """`12`; empty for every release."""
    pattern: str
    """A source package, or a regular expression such as `golang.*`."""
    kind: str
    """`ended` or `limited`."""
    last_version: str = ""
    date: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class InArchive:
    """A version of a source package that a suite offers, as the tracker saw it."""

    release: str
    suite: str
    source: str
    version: str


Row = Record | Exploited | Score | Cycle | Support | InArchive
