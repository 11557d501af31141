"""What a state says to whoever asks: the plan, where images stand, what happened to a CVE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ironhull.errors import NotFoundError
from ironhull.state.watch_records import moment
from ironhull.state.watching import WatchState
from ironhull.watch.measures import (
    Measured,
    Times,
    by_day,
    counterparts,
    open_fixes,
    spent,
    times,
    times_by_repository,
)
from ironhull.watch.model import Entry
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.standing import CatalogStatus, status
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watch_deciding import watched_name
from ironhull.workspace.watching import Watcher


def plan_now(machine: Machine, state: WatchState, chosen: WatchChoices) -> list[Entry]:
    """What would be rebuilt now and why, the most urgent first; nothing is written down.

    What cannot be seen, and so is not in it, is noted.
    """
    entries, unseen = planned(machine, state, chosen)
    for subject, text in unseen.items():
        machine.progress.note(f"{subject}: {text}")
    return entries


def planned(
    machine: Machine, state: WatchState, chosen: WatchChoices
) -> tuple[list[Entry], Mapping[str, str]]:
    """The same, and by subject what cannot be seen."""
    watcher = Watcher(machine, chosen, state)
    return watcher.plan(), watcher.unseen


def status_now(
    machine: Machine, state: WatchState, policy: WatchPolicy, image: str = ""
) -> CatalogStatus:
    """Where everything stands, or one image; NotFoundError for one that is not watched."""
    states, said, foreign = state.images(), state.complaints(), state.foreign()
    if image:
        name = watched_name(machine, state, image)
        if name not in states:
            raise NotFoundError(f"{name} was never looked at (ironhull watch --once)")
        states, foreign = {name: states[name]}, []
        about = (name, "archive")
        said = [each for each in said if each.subject.rpartition(" ")[2] in about]
    return status(states, said, policy.bound, datetime.now(UTC), foreign)


def measured(state: WatchState, policy: WatchPolicy, image: str = "") -> Measured:
    """The measures of all images, or of one by its name in the state."""
    now, last = datetime.now(UTC), moment(state.note("round"))
    events, counts = state.events(image=image), state.counts()
    foreign = {each.reference for each in state.foreign()}
    names = {each[1] for each in counts} - foreign
    chosen = {each.beside: each.image for each in policy.foreign if each.beside}
    shown = {image} if image else names
    long, beside = spent(counts, shown, counterparts(names, chosen))
    return Measured(
        times(events, policy.targets, now),
        open_fixes(events, policy.targets, now),
        by_day(each for each in counts if each[1] in shown),
        long,
        beside,
        (now - last).total_seconds() if last else math.nan,
    )


def repository_times(state: WatchState, policy: WatchPolicy) -> dict[str, tuple[Times, ...]]:
    """How long fixes of each repository's images took."""
    return times_by_repository(state.events(), policy.targets, datetime.now(UTC))


def status_json(found: CatalogStatus, taken: Measured) -> dict[str, Any]:
    """What `ironhull status --json` says."""
    return {
        "times": [each.json() for each in taken.times],
        "open_fixes": [asdict(each) for each in taken.open],
        "days": taken.days,
        "spent": [asdict(each) for each in taken.spent],
        "beside": taken.beside,
        "images": [each.json() for each in found.images],
        "foreign": [asdict(each) for each in found.foreign],
        "complaints": [asdict(each) for each in found.complaints],
        "alarms": list(found.alarms),
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """What `ironhull plan --json` says of an image."""
    return {
        "image": entry.name,
        "urgency": entry.urgency,
        "behind_since": entry.since or None,
        "causes": [{"kind": cause.kind.value, "text": cause.text} for cause in entry.causes],
        "updates": [
            {"package": u.package, "before": u.before, "after": u.after, "suite": u.suite}
            for u in entry.updates
        ],
        "vulnerabilities": [
            {"id": f.vulnerability, "severity": f.severity, "exploited": f.exploited}
            for f in entry.fixes
        ],
        "bases": [
            {
                "image": base.image,
                "urgency": base.urgency,
                "behind_since": base.since or None,
                "vulnerabilities": [
                    {"id": f.vulnerability, "severity": f.severity} for f in base.fixes
                ],
            }
            for base in entry.bases
        ],
    }


def round_json(one: Round) -> dict[str, Any]:
    """What `ironhull watch --json` says of a round."""
    return {
        "plan": [entry_json(entry) for entry in one.entries],
        "done": [
            {
                "image": name,
                "result": outcome.result,
                "step": outcome.step,
                "detail": outcome.detail or None,
                "digest": outcome.digest or None,
                "tag": outcome.tag or None,
                "proposal": None if outcome.proposal is None else asdict(outcome.proposal),
                "seconds": {step: round(each, 3) for step, each in outcome.seconds.items()},
            }
            for name, outcome in one.done.items()
        ],
    }
