"""What a watcher may be told, and what a round of it and a human's decision did: values.

They load no database, so that who works with them need not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ironhull.watch.model import Entry
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.task import Outcome


@dataclass(frozen=True, slots=True)
class WatchChoices:
    """What a watcher may be told besides its machine."""

    publish: str = ""
    """`registry[:port][/prefix]`; empty: images go into the own store alone."""
    policy: WatchPolicy = field(default_factory=WatchPolicy)
    state: str | None = None
    """Address of the state; None: a SQLite file in the home."""
    executor: str = "local:1"
    interval: timedelta = timedelta(minutes=10)
    advisories: timedelta | None = timedelta(hours=1)
    """How often feeds are brought in; None: somebody else does."""
    propose: bool = False
    """Commit new locks to branches of their own for a review, instead of publishing."""
    remote: str = ""
    """Where these branches are pushed, and what the checkout follows; empty: they stay there."""
    images: Sequence[str] = ()
    """Names as `build` takes them; none: the whole catalog."""

    def without_feeds(self) -> WatchChoices:
        """The same, and somebody else brings the feeds in."""
        return replace(self, advisories=None)


@dataclass(frozen=True, slots=True)
class Round:
    """One look at everything, and what was done after it."""

    entries: tuple[Entry, ...]
    done: Mapping[str, Outcome]
    """By image, without its locks; those that were not due, or that another watcher has, are not in
    it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision of a human did."""

    name: str
    text: str
    """In words."""
