"""What is wanted of an image, what changed around it, and an entry of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock
from ironhull.scan.severities import RANK


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
class Entry:
    """One image that is to be looked after."""

    wanted: Wanted
    causes: tuple[Cause, ...]
    updates: tuple[Update, ...]
    fixes: tuple[Fix, ...]
    urgency: str
    since: str
    """When it fell behind, as far as is known; empty: now."""

    @property
    def name(self) -> str:
        """The image."""
        return self.wanted.name

    @property
    def cause(self) -> str:
        """All causes in one line."""
        return "; ".join(cause.text for cause in self.causes)

    @property
    def order(self) -> tuple[int, str, str]:
        """Sorts the most urgent first, then the oldest."""
        return URGENCIES.index(self.urgency), self.since or "9", self.name


def urgency_of(fixes: Sequence[Fix]) -> str:
    """The urgency of the most urgent; `routine` of none."""
    if any(fix.exploited for fix in fixes):
        return "exploited"
    severities = [fix.severity for fix in fixes]
    return min(severities, key=lambda severity: RANK.get(severity, len(RANK)), default="routine")
