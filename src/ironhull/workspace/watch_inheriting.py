"""For what images that others take files from were rebuilt, as the state tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

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
            base, at = bases.ours.get(reference, ""), observed.images[reference]
            if base and (reference, known) not in found:
                for each in past.of(base, known, at):
                    found[reference, known] = each
    return found


@dataclass(frozen=True, slots=True)
class _Past:
    state: WatchState
    bases: Bases

    def of(self, image: str, old: str, new: str) -> Iterator[Rebuilt]:
        """For what an image was rebuilt from one digest to another; nothing: nobody knows."""
        runs = self._runs(image, old, new)
        if not runs:
            return
        events = self.state.events(image=image)
        ended = {
            each.vulnerability: Fix(each.vulnerability, each.severity)
            for each in events
            if each.kind == "published" and any(r.started <= each.at <= r.ended for r in runs)
        }
        seen = [e.at for e in events if e.kind == "seen" and e.vulnerability in ended]
        below = list(self._below(image, runs))
        fixes = {fix.vulnerability: fix for each in below for fix in each.fixes} | ended
        known = [urgency_of(tuple(fixes.values()))] if fixes else [each.urgency for each in runs]
        if any(each.urgency == "exploited" for each in runs):
            known.append("exploited")
        since = min([*seen, *(each.since for each in below), runs[-1].started])
        yield Rebuilt(image, most_urgent(known), tuple(sorted(fixes.values())), since)

    def _runs(self, image: str, old: str, new: str) -> Sequence[Attempt]:
        """Those that brought it from one digest to the other, the newest first."""
        found: list[Attempt] = []
        for run in self.state.attempts([image], _RUNS):
            if run.result not in ("published", "rolled-back"):
                continue
            if found and run.new == old:
                return found
            if found or run.new == new:
                found.append(run)
        return found[:1]

    def _below(self, image: str, runs: Sequence[Attempt]) -> Iterator[Rebuilt]:
        """For what that was rebuilt which the image itself takes files from."""
        wanted = self.bases.derived.get(image)
        if wanted is None:
            return
        before, after = (self._taken(each) for each in (runs[-1].old_lock, runs[0].new_lock))
        for reference, base in self.bases.named(wanted).items():
            name = next(t.variable for t in wanted.definition.followed if t.reference == reference)
            old, new = before.get(name, ""), after.get(name, "")
            if old and new and old != new:
                yield from self.of(base, old, new)

    def _taken(self, digest: str) -> Mapping[str, str]:
        with suppress(IronhullError):
            return parse_lock(self.state.lock(digest), digest).variables
        return {}
