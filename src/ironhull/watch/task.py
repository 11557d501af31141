"""One image on its way through the steps: what goes in, what comes out. Values that can be sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironhull.settings import Settings
from ironhull.state.watch_records import ImageState, Result
from ironhull.watch.policy import WatchPolicy

STEPS = ("lock", "build", "test", "scan", "gate", "attest", "push", "record")
"""In this order. Each may be done again: what is there already is found, not made."""

Told = Callable[[str], object]
"""Is told each step before it begins; what it raises ends the task there."""


def digest_of_file(path: Path) -> str:
    """Of a file as it is; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


class Stopping(BaseException):
    """The watcher is asked to end: raised between two steps, past everything that mends errors."""


@dataclass(frozen=True, slots=True)
class Task:
    """One image to be looked after, whoever does it and wherever."""

    settings: Settings
    name: str
    path: Path
    state: ImageState
    """Where it stands as the work begins."""
    target: str
    """`registry[:port][/prefix]`; empty: the own store is all there is."""
    policy: WatchPolicy
    lock: bytes = b""
    """The lock beside the definition, as the watcher sees it; empty: there is none."""
    source: str = ""
    """Digest of the definition's file, as the watcher sees it; empty: it is not compared."""
    review: bool = False
    """Whether it is built to be proposed: nothing is signed, published or locked."""
    advised: bool = False
    """Whether there are new advisories of what is published: what was said of them is old."""
    round: str = ""
    """Tells a watcher's round from all others: its images share what is alike; empty: of none."""
    images: Mapping[str, str] = field(default_factory=dict)
    """What the tags of followed images are at, as the watcher sees them."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One commit on a branch of its own, instead of a publication."""

    branch: str
    title: str
    text: str
    """Markdown, for a pull request."""
    commit: str = ""
    """Empty: not made yet."""
    moved: bool = False
    """Whether the branch was not at this commit before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    result: Result
    step: str
    detail: str = ""
    """Why it is held or failed; what was done else."""
    own: bool = True
    """Whether a failure is the image's own, and not one of network, disk or engine."""
    digest: str = ""
    """Of the index that was built."""
    tag: str = ""
    """The tag of it that never moves."""
    repository: str = ""
    inputs: str = ""
    lock: bytes = b""
    old_lock: bytes = b""
    facts: Mapping[str, Any] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)
    """Open findings of what was built: vulnerability → severity."""
    old_findings: Mapping[str, str] = field(default_factory=dict)
    """Of what was published before, by the same advisories."""
    exploited: frozenset[str] = frozenset()
    tested: str = ""
    """What became of its tests; empty: it has none, or they were not run."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """To be proposed: the changelog since what the lock has, as `changes.document`."""
    uncompared: str = ""
    """Why there is none."""
    proposal: Proposal | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each step took."""
