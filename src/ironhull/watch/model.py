"""What is wanted of an image, what changed around it, and an entry of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock
from ironhull.scan.severities import RANK

_LISTED = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """One definition of the catalog with its lock."""

    name: str
    """`node:20-debian13`: image, file and distribution."""
    path: Path
    definition: ImageDefinition
    lock: Lock | None
    """None: there is none yet, or none that fits the definition."""
    inputs: str
    """Of definition, lock and Ironhull: what the image is made of. Empty without a lock."""


@dataclass(frozen=True, slots=True, order=True)
class Update:
    """A binary package that the archive has newer than a lock."""

    package: str
    before: str
    after: str
    source: str
    source_before: str
    source_after: str
    suite: str


@dataclass(frozen=True, slots=True, order=True)
class Fix:
    """A vulnerability that an update ends, or that was newly found."""

    vulnerability: str
    severity: str = "unknown"
    exploited: bool = False
    """Known to be exploited."""
    published: str = ""
    """When it became known, a date; empty: nobody says."""

    @property
    def urgency(self) -> str:
        """`exploited`, or the severity."""
        return "exploited" if self.exploited else self.severity


class CauseKind(StrEnum):
    """Why an image has to be looked after."""

    NEW = "new"
    """It was never published."""
    DEFINITION = "definition"
    """Its definition, its lock or Ironhull itself changed."""
    UPDATE = "update"
    """The archive has newer packages."""
    IMAGE = "image"
    """An image that it takes files from is another one."""
    ADVISORY = "advisory"
    """A vulnerability of it became known."""
    REGISTRY = "registry"
    """The registry does not have what was published."""
    APPROVED = "approved"
    """A human has approved what was held."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an image is in the plan."""

    kind: CauseKind
    text: str
    """In words: `openssl 3.5.1-1 → 3.5.2-1 (trixie-security) fixes CVE-2026-1`."""


URGENCIES = ("exploited", "critical", "high", "medium", "low", "negligible", "unknown", "routine")
"""The most urgent first; `routine` where no vulnerability is concerned."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An image that others take files from, and for what it was rebuilt or is to be."""

    image: str
    urgency: str
    fixes: tuple[Fix, ...]
    since: str
    """When it had fallen behind, as far as is known."""

    def said(self, reference: str, verb: str) -> str:
        """As a cause of what takes files from it; `verb`: `was rebuilt`."""
        text = f"{reference}, which it takes files from, {verb}"
        if self.urgency == "routine":
            return text
        fixes = f" and fixes {listed([fix.vulnerability for fix in self.fixes])}"
        return f"{text}{fixes if self.fixes else ''} ({self.urgency})"


@dataclass(frozen=True, slots=True)
class Entry:
    """One image that is to be looked after."""

    wanted: Wanted
    causes: tuple[Cause, ...]
    updates: tuple[Update, ...]
    fixes: tuple[Fix, ...]
    urgency: str
    since: str
    """When it fell behind, as far as is known; empty: now."""
    bases: tuple[Rebuilt, ...] = ()
    """What it takes files from, and is rebuilt because of: as urgent as its own causes."""

    @property
    def name(self) -> str:
        """The image."""
        return self.wanted.name

    @property
    def cause(self) -> str:
        """All causes in one line."""
        return "; ".join(cause.text for cause in self.causes)

    @property
    def order(self) -> tuple[int, str, tuple[str, ...]]:
        """Sorts the most urgent first, then the oldest; right behind its base what has one."""
        urgency = urgency_of(self.fixes) if self.bases else self.urgency
        own = (URGENCIES.index(urgency), self.since or "9", (self.name,))
        after = [
            (URGENCIES.index(each.urgency), each.since or "9", (each.image, self.name))
            for each in self.bases
        ]
        return min([own, *after])


def most_urgent(urgencies: Iterable[str]) -> str:
    """The first by `URGENCIES`; `routine` of none."""
    return min(urgencies, key=URGENCIES.index, default="routine")


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def urgency_of(fixes: Sequence[Fix]) -> str:
    """The urgency of the most urgent; `routine` of none."""
    if any(fix.exploited for fix in fixes):
        return "exploited"
    severities = [fix.severity for fix in fixes]
    return min(severities, key=lambda severity: RANK.get(severity, len(RANK)), default="routine")
