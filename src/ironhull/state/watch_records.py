"""What watching remembers, as values: an image's standing, an attempt, an event, a lease.

Times are text as `stamp` writes it; empty: never, or not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

Standing = Literal[
    "new", "current", "behind", "held", "proposed", "failing", "quarantined", "ended"
]
"""Of an image: never published; as it should be; to be rebuilt; waits for a human; a branch waits
for its review; failed and is tried again; failed too often; past its end of life and no longer
built."""

Kind = Literal["advisory", "observed", "fix", "seen", "rebuilt", "published"]
"""What happened to a vulnerability of an image, in this order; `observed`: others saw it first
(of no image: the event's is empty)."""

KINDS: tuple[Kind, ...] = ("advisory", "observed", "fix", "seen", "rebuilt", "published")

Result = Literal[
    "running",
    "published",
    "unchanged",
    "waiting",
    "held",
    "built",
    "proposed",
    "failed",
    "stopped",
    "rolled-back",
]
"""Of an attempt; `waiting`: the archive has no fix yet, `built`: it is to be proposed; `stopped`:
the watcher ended meanwhile."""


def stamp(moment: datetime) -> str:
    """A moment as the state has it: RFC 3339, UTC, milliseconds; it sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime | None:
    """A moment from the state; None for an empty text."""
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class ImageState:
    """Where one image of the catalog stands."""

    name: str
    """`node:20-debian13`: image, file and distribution."""
    repository: str = ""
    """Where it is published: `registry/prefix/image`."""
    published: str = ""
    """Digest of the index that its moving tags should be at."""
    tag: str = ""
    """The tag that never moves of what is published."""
    published_at: str = ""
    inputs: str = ""
    """What is published was made of this: definition, lock and Ironhull, as a digest."""
    lock: str = ""
    """Digest of the lock of what is published (`WatchState.lock`)."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the gate compares with: size, setuid files, scripts, listeners, licences."""
    examined: str = ""
    """The archive and inputs for which a lock update changed nothing."""
    state: Standing = "new"
    reason: str = ""
    """Why it is held or failing."""
    cause: str = ""
    """Why it has to be rebuilt."""
    behind_since: str = ""
    candidate: str = ""
    """Digest of an index that is built and waits for approval."""
    approved: str = ""
    """Digest of an index that a human has approved."""
    hold: str = ""
    """Why a human wants nothing new published; empty: nobody does."""
    failures: int = 0
    """In a row."""
    retry_at: str = ""
    ends: str = ""
    """When it is no longer built: its end of life and the grace period."""

    def at_rest(self) -> ImageState:
        """The same as it should be: what failed or was held is no longer wanted."""
        return replace(
            self,
            state="current",
            reason="",
            cause="",
            behind_since="",
            candidate="",
            failures=0,
            retry_at="",
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of an image through the steps."""

    image: str
    cause: str
    urgency: str
    started: str
    holder: str
    id: int = 0
    ended: str = ""
    result: Result = "running"
    step: str = ""
    """The step that it is at, or ended at."""
    detail: str = ""
    old: str = ""
    """Digest of what was published before."""
    new: str = ""
    old_lock: str = ""
    new_lock: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a vulnerability in an image."""

    vulnerability: str
    image: str
    kind: Kind
    at: str
    severity: str = "unknown"


@dataclass(frozen=True, slots=True)
class SuiteState:
    """A suite's release file as it was seen last."""

    repository: str
    suite: str
    digest: str
    date: str
    valid_until: str
    changed: str
    """When this digest was seen first."""
    checked: str


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed of advisories as it was read last."""

    name: str
    date: str
    records: int
    checked: str


@dataclass(frozen=True, slots=True)
class ForeignState:
    """An image that is not ours, as it was seen last."""

    reference: str
    digest: str
    checked: str
    base: str
    """The reference of what it stands on; empty: not known."""
    findings: Mapping[str, str]
    """Open vulnerability → severity."""
    fixed: Mapping[str, str]
    """Those of them that it would lose upon its base as that is now."""


@dataclass(frozen=True, slots=True)
class Said:
    """A cause that a human was told, once."""

    subject: str
    """An image, a suite, a feed, `catalog` or `registry`."""
    text: str
    first: str
    last: str
    over: str = ""
    """When it was no longer so."""
