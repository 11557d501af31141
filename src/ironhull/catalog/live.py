"""What is looked up when a page is asked for: who signed what, what was published, what is watched.

The machine that serves the pages answers; `Remembered` keeps an answer for a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ironhull.catalog.facts import (
    AttestationFacts,
    MirrorFacts,
    Published,
    RebuildFacts,
    SourceWords,
    Verification,
    WatchFacts,
)

KEPT_SECONDS = 60.0
_MOST = 500
_Value = TypeVar("_Value")


class Live(Protocol):
    """What knows the present; none of its methods raises for an image that it cannot look at."""

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        """What is attached to an image of the store, by `repository@digest` or `repository:tag`."""
        ...

    def verification(self, name: str) -> Verification:
        """What verifying it says; names are as those of `attestations`."""
        ...

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        """What is attached of who rebuilt the packages of a platform's image.

        Names are as those of `attestations`; whose word it is `verification` says.
        """
        ...

    def publications(self, repository: str) -> Published:
        """Its signed record, by those who are believed."""
        ...

    def watch(self) -> WatchFacts:
        """What the watcher's state says."""
        ...

    def mirrors(self) -> tuple[MirrorFacts, ...]:
        """Repositories that mirror others and of which something was had, by name."""
        ...

    def words(self, manifest: str, moved: tuple[SourceWords, ...]) -> tuple[SourceWords, ...]:
        """The same sources with what maintainers say, or why it is not known.

        `manifest` is the image of a platform that has the later versions.
        """
        ...


class Nothing:
    """A machine that knows nothing of the present."""

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        """As `Live.attestations`."""
        return ()

    def verification(self, name: str) -> Verification:
        """As `Live.verification`."""
        return Verification("unknown", "nobody verifies here", "")

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        """As `Live.rebuilds`."""
        return ()

    def publications(self, repository: str) -> Published:
        """As `Live.publications`."""
        return Published()

    def watch(self) -> WatchFacts:
        """As `Live.watch`."""
        return WatchFacts(note="nobody watches here")

    def mirrors(self) -> tuple[MirrorFacts, ...]:
        """As `Live.mirrors`."""
        return ()

    def words(self, manifest: str, moved: tuple[SourceWords, ...]) -> tuple[SourceWords, ...]:
        """As `Live.words`."""
        return tuple(replace(each, note="not known here") for each in moved)


class Remembered:
    """The same, each answer kept for a while: a page that many open asks once."""

    def __init__(self, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._live, self._clock = live, clock
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        """As `Live.attestations`."""
        return self._of(("attestations", name), lambda: self._live.attestations(name))

    def verification(self, name: str) -> Verification:
        """As `Live.verification`."""
        return self._of(("verification", name), lambda: self._live.verification(name))

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        """As `Live.rebuilds`."""
        key = ("rebuilds", name, manifest)
        return self._of(key, lambda: self._live.rebuilds(name, manifest))

    def publications(self, repository: str) -> Published:
        """As `Live.publications`."""
        return self._of(("publications", repository), lambda: self._live.publications(repository))

    def watch(self) -> WatchFacts:
        """As `Live.watch`."""
        return self._of("watch", self._live.watch)

    def mirrors(self) -> tuple[MirrorFacts, ...]:
        """As `Live.mirrors`."""
        return self._of("mirrors", self._live.mirrors)

    def words(self, manifest: str, moved: tuple[SourceWords, ...]) -> tuple[SourceWords, ...]:
        """As `Live.words`, not kept here: they never change, and there may be many."""
        return self._live.words(manifest, moved)

    def forget(self) -> None:
        """Ask anew for everything: whom to believe has changed."""
        with self._lock:
            self._kept = {}

    def _of(self, key: Hashable, ask: Callable[[], _Value]) -> _Value:
        now = self._clock()
        with self._lock:
            all_kept = self._kept
            kept = all_kept.get(key)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            found: _Value = kept[1]
            return found
        found = ask()
        with self._lock:
            if len(all_kept) >= _MOST:
                all_kept.clear()
            # Of what was forgotten meanwhile nothing comes back.
            all_kept[key] = (now, found)
        return found
