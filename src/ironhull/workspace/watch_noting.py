"""What becomes of images by looking alone: behind, waiting for a fix, past their end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from ironhull.notify.message import Kind
from ironhull.scan.model import Finding
from ironhull.state.watch_records import ImageState, Standing, stamp
from ironhull.state.watching import WatchState
from ironhull.watch.model import Entry, Wanted
from ironhull.watch.plan import Observed, waits_for
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.standing import ENDING, WAITING
from ironhull.workspace.watch_settling import seen_events

Complain = Callable[[str, str, Kind], object]
"""Says a cause of a subject once, for as long as it lasts."""
_SHOWN = 5
_CAUSE = 2000
_TOGETHER = 100
_COMPLAINED = ("held", "failing", "quarantined")
_BEHIND = ("behind", "proposed", *_COMPLAINED)
_GONE = "its definition is gone: its tags stay as they are, it is no longer built"


def note_behind(state: WatchState, entries: Sequence[Entry], observed: Observed) -> None:
    """Since when images are behind and why; those that are no more are current again."""
    note_planned(state, entries, observed)
    planned = {entry.name for entry in entries}
    for name, known in observed.states.items():
        if known.state in _BEHIND and name not in planned and name in observed.archives:
            state.change(name, ImageState.at_rest)
            if known.state in _COMPLAINED:
                state.settle(name)


def note_planned(state: WatchState, entries: Sequence[Entry], observed: Observed) -> None:
    """Since when images are behind and why; of others nothing."""
    new = [
        entry
        for entry in sorted(entries, key=lambda entry: entry.name)
        if not (known := observed.states.get(entry.name, ImageState(entry.name))).behind_since
        or known.cause != entry.cause[:_CAUSE]
    ]
    # Each waits for the disk by itself; in one order, so that no two watchers wait for each other.
    for at in range(0, len(new), _TOGETHER):
        with state.transaction():
            _note(state, new[at : at + _TOGETHER], observed)


def _note(state: WatchState, entries: Sequence[Entry], observed: Observed) -> None:
    now, suites = state.now, state.suites()
    for entry in entries:

        def behind(known: ImageState, cause: str = entry.cause[:_CAUSE]) -> ImageState:
            kept = known.state if known.state not in ("current", "new") else "behind"
            standing = "new" if not known.published and kept == "behind" else kept
            since = known.behind_since or now
            return replace(known, state=standing, cause=cause, behind_since=since)

        state.change(entry.name, behind)
        state.happened(list(seen_events(entry, observed, suites, now)))


def say_waiting(
    state: WatchState,
    entries: Sequence[Entry],
    observed: Observed,
    found: Mapping[str, Mapping[str, Finding]],
    complain: Complain,
) -> None:
    """Fixes that the archive does not have, and newer packages that the policy finds too young."""
    ended = {
        entry.name: {
            fix.vulnerability for update in entry.updates for fix in observed.fixes.get(update, ())
        }
        for entry in entries
    }
    subjects: dict[str, str] = {}
    for name, findings in found.items():
        lacking = sorted(
            vulnerability
            for vulnerability, finding in findings.items()
            if finding.fixed_version and vulnerability not in ended.get(name, ())
        )
        built = name in observed.archives and observed.states[name].state != "ended"
        if lacking and built:
            shown = ", ".join(lacking[:_SHOWN]) + (", …" if len(lacking) > _SHOWN else "")
            subjects[f"{WAITING}{name}"] = f"not in the archive: fixes of {shown}"
    planned = {entry.name for entry in entries}
    for name, updates in observed.updates.items():
        until = "" if name in planned else waits_for(updates, observed)
        if until:
            subject = f"{WAITING}{name}"
            newer = ", ".join(f"{each.package} {each.after}" for each in updates[:_SHOWN])
            text = f"too young until {until[:16]}: {newer}" + (
                ", …" if len(updates) > _SHOWN else ""
            )
            subjects[subject] = "; ".join(filter(None, (subjects.get(subject), text)))
    for said in state.complaints():
        prefix, name = said.subject[: len(WAITING)], said.subject[len(WAITING) :]
        # Another watcher of this state has other images.
        ours = prefix == WAITING and name in observed.archives
        if ours and subjects.get(said.subject) != said.text:
            state.settle(said.subject)
    for subject, text in subjects.items():
        complain(subject, text, "problem")


def mark_ends(
    state: WatchState,
    policy: WatchPolicy,
    now: datetime,
    catalog: Iterable[Wanted],
    complain: Complain,
) -> None:
    """Ends of life are announced, once for all rebuilds, then waited for, then kept."""
    states = state.images()
    announced = {each.subject for each in state.complaints() if each.subject.startswith(ENDING)}
    for wanted in catalog:
        ends, said = _end_of(wanted, policy, now)
        known = states.get(wanted.name, ImageState(wanted.name))
        over = bool(ends) and ends <= stamp(now)
        subject = f"{ENDING}{wanted.name}"
        if over and (known.state != "ended" or known.reason != said):
            # It is rebuilt no more, whatever would have to be: nothing of it is behind.
            state.change(wanted.name, partial(_over, ends=ends, reason=said))
            state.settle(wanted.name)
        elif not over and known.state == "ended":
            # Its definition is there again: it is looked at as if for the first time.
            state.change(wanted.name, partial(_again, ends=ends))
            state.settle(wanted.name)
        elif known.ends != ends:
            state.change(wanted.name, partial(replace, ends=ends))
        if said:
            complain(subject, said, "ended")
        elif subject in announced:
            state.settle(subject)


def mark_gone(state: WatchState, there: Collection[str], complain: Complain) -> None:
    """Images without a definition: nothing is dropped unsaid. `there` are those that have one."""
    for name, known in state.images().items():
        if name not in there and known.state != "ended":
            state.change(name, partial(_over, ends=known.ends, reason=_GONE))
            complain(name, _GONE, "ended")
    for said in state.complaints():
        kind, _, name = said.subject.partition(" ")
        if f"{kind} " in (WAITING, ENDING) and name not in there:
            state.settle(said.subject)


def _over(known: ImageState, *, ends: str, reason: str) -> ImageState:
    return replace(known.at_rest(), state="ended", reason=reason, ends=ends)


def _again(known: ImageState, *, ends: str) -> ImageState:
    standing: Standing = "current" if known.published else "new"
    return replace(known, state=standing, reason="", examined="", ends=ends)


def _end_of(wanted: Wanted, policy: WatchPolicy, now: datetime) -> tuple[str, str]:
    """When an image is no longer built, and what is to be said of it."""
    dates = wanted.definition.dates
    life = dates.get("end-of-support") or dates.get("end-of-life") or ""
    if not life:
        return "", ""
    end = datetime.fromisoformat(life).replace(tzinfo=UTC)
    last = end if dates.get("end-of-support") else end + policy.grace
    if now >= last:
        return stamp(last), f"its life ended on {life}: it is no longer built, its tags stay"
    if now >= end:
        return stamp(last), f"its life ended on {life}: it is built until {last:%F}, and no longer"
    return stamp(last), ""
