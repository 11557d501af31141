"""For what images that others take files from were rebuilt, as the state tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ironhull.errors import IronhullError
from ironhull.lock.file import parse_lock
from ironhull.state.watch_records import Attempt
from ironhull.state.watching import WatchState
from ironhull.watch.bases import Bases
from ironhull.watch.model import Fix, Rebuilt, Wanted, most_urgent, urgency_of
from ironhull.watch.plan import Observed, moved_images

_RUNS = 100
"""Of an image, that are looked at; what is behind by more counts as its last one."""


def reasons(
    state: WatchState, bases: Bases, images: Iterable[Wanted], observed: Observed
) -> dict[tuple[str, str], Rebuilt]:
    """For what the images that these take files from were rebuilt (`Observed.rebuilt`)."""
    found: dict[tuple[str, str], Rebuilt] = {}
    past = _Past(state, bases)
    for wanted in images:
        for reference, known in moved_images(wanted, observed).items():
            base = bases.ours.get(reference, "")
            each = past.of(_Move(base, known, observed.images[reference])) if base else None
            if each is not None:
                found[reference, known] = each
    return found


class _Move(NamedTuple):
    """An image that was rebuilt from one digest to another."""

    image: str
    old: str
    new: str


class _Past:
    """Each move is looked for once, however many images are made from it."""

    def __init__(self, state: WatchState, bases: Bases) -> None:
        self._state, self._bases = state, bases
        self._runs: dict[_Move, Sequence[Attempt]] = {}
        self._below: dict[_Move, Sequence[_Move]] = {}
        self._known: dict[_Move, Rebuilt | None] = {}

    def of(self, move: _Move) -> Rebuilt | None:
        """For what it was rebuilt; None: nobody knows."""
        left = [move]
        while left:
            each = left[-1]
            if each not in self._below:
                self._runs[each] = self._runs_of(each)
                self._below[each] = list(self._moved_by(each.image, self._runs[each]))
            lacking = [below for below in self._below[each] if below not in self._below]
            left += lacking
            if not lacking:
                left.pop()
                if each not in self._known:
                    self._known[each] = self._rebuilt(each)
        return self._known[move]

    def _rebuilt(self, move: _Move) -> Rebuilt | None:
        runs = self._runs[move]
        if not runs:
            return None
        events = self._state.events(image=move.image, kinds=("published", "seen"))
        ended = {
            each.vulnerability: Fix(each.vulnerability, each.severity)
            for each in events
            if each.kind == "published" and any(r.started <= each.at <= r.ended for r in runs)
        }
        seen = [e.at for e in events if e.kind == "seen" and e.vulnerability in ended]
        below = [found for each in self._below[move] if (found := self._known.get(each))]
        fixes = {fix.vulnerability: fix for each in below for fix in each.fixes} | ended
        known = [urgency_of(tuple(fixes.values()))] if fixes else [each.urgency for each in runs]
        if any(each.urgency == "exploited" for each in runs):
            known.append("exploited")
        since = min([*seen, *(each.since for each in below), runs[-1].started])
        return Rebuilt(move.image, most_urgent(known), tuple(sorted(fixes.values())), since)

    def _runs_of(self, move: _Move) -> Sequence[Attempt]:
        """Those that brought it from one digest to the other, the newest first."""
        found: list[Attempt] = []
        for run in self._state.attempts([move.image], _RUNS):
            if run.result not in ("published", "rolled-back"):
                continue
            if found and run.new == move.old:
                return found
            if found or run.new == move.new:
                found.append(run)
        return found[:1]

    def _moved_by(self, image: str, runs: Sequence[Attempt]) -> Iterator[_Move]:
        """The moves of those that the image itself takes files from, in these rebuilds of it."""
        wanted = self._bases.derived.get(image)
        if wanted is None or not runs:
            return
        before, after = (self._taken(each) for each in (runs[-1].old_lock, runs[0].new_lock))
        for reference, base in self._bases.named(wanted).items():
            name = next(t.variable for t in wanted.definition.followed if t.reference == reference)
            old, new = before.get(name, ""), after.get(name, "")
            if old and new and old != new:
                yield _Move(base, old, new)

    def _taken(self, digest: str) -> Mapping[str, str]:
        with suppress(IronhullError):
            return parse_lock(self._state.lock(digest), digest).variables
        return {}
