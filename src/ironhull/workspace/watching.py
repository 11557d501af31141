"""The watcher: looks, plans, works, writes down, and looks again.

1. look: definitions, archive, advisories, registry (`watch_observing`); what cannot be seen is said
   once, and what rests on it stays as it is
2. plan (`watch.plan`)
3. work: each image that is due, under a lease, so that two watchers do not do it twice
   (`watch_steps`); a failing image holds up nobody
4. write down: what was published, what is held and why, when to try again

Everything is found again by looking: nothing is lost with the watcher but the work of a moment.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ironhull.errors import EnvironmentProblem, IronhullError
from ironhull.notify.message import Kind
from ironhull.state.connecting import sqlite_url
from ironhull.state.watch_records import Attempt, FeedState, ImageState, SuiteState, moment, stamp
from ironhull.state.watching import Clock, WatchState
from ironhull.store.files import unique
from ironhull.watch.model import Entry, Fix, Wanted
from ironhull.watch.patience import is_due
from ironhull.watch.plan import Observed, examined, plan
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.standing import WAITING
from ironhull.watch.task import Outcome, Stopping, Task, Told
from ironhull.workspace.advising import update_advisories
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import notifier
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watch_executors import Workers, workers
from ironhull.workspace.watch_observing import (
    CatalogReader,
    SeenAdvisories,
    SeenArchive,
    fix_of,
    see_advisories,
    see_archive,
    see_registry,
)
from ironhull.workspace.watch_settling import seen_events, settle
from ironhull.workspace.watch_steps import work
from ironhull.workspace.watch_telling import Telling

LEASE = timedelta(minutes=5)
"""How long an image is nobody else's; renewed while it is worked on."""
REGISTRY_AGE = timedelta(hours=1)
"""How often the registry's tags are looked at, beside the first time."""
_SHOWN = 5
CLOCK_SLACK = timedelta(minutes=10)
"""A clock that goes back by more than this is wrong, or was."""


@contextmanager
def opened_state(
    machine: Machine, address: str | None = None, clock: Clock | None = None
) -> Iterator[WatchState]:
    """The state of a machine, or the one at an address."""
    where = address or sqlite_url(machine.home.watch_state)
    with WatchState(where, clock or _now) as state:
        yield state


def _now() -> datetime:
    return datetime.now(UTC)


class Watcher:
    """Looks after the images of one catalog. One thread runs it; `stop` may be set by any."""

    def __init__(
        self,
        machine: Machine,
        chosen: WatchChoices,
        state: WatchState,
        *,
        clock: Clock | None = None,
        told: Callable[[str, str], object] = lambda image, step: None,
    ) -> None:
        self.stop = threading.Event()
        self._machine, self._chosen, self._state = machine, chosen, state
        self._clock, self._told = clock or _now, told
        self._telling_of = Telling(machine, state, None)
        self._holder = f"{socket.gethostname()}:{unique()}"
        self._catalog = CatalogReader(machine)
        self._advisories: tuple[object, SeenAdvisories] = (None, SeenAdvisories())
        self._feeds_at: datetime | None = None
        self._registry_at: datetime | None = None

    def run(self, rounds: Callable[[Round], object] = lambda one: None) -> None:
        """Round after round until `stop` is set; a round that fails is said once, and repeated."""
        with self._told_of(), workers(self._chosen.executor) as those:
            while not self.stop.is_set():
                begun = time.monotonic()
                try:
                    rounds(self.round(those))
                except IronhullError as error:
                    self._complain("watch", str(error))
                left = self._chosen.interval.total_seconds() - (time.monotonic() - begun)
                self.stop.wait(max(left, 0))

    def once(self) -> Round:
        """One round; IronhullError where nothing could be looked at."""
        with self._told_of(), workers(self._chosen.executor) as those:
            return self.round(those)

    @contextmanager
    def _told_of(self) -> Iterator[None]:
        """Those whom the policy names are told meanwhile."""
        with notifier(self._machine, self._chosen.policy.notify) as opened:
            self._telling_of = Telling(self._machine, self._state, opened)
            yield

    def round(self, those: Workers) -> Round:
        """Look, plan, work, write down."""
        self._check_clock()
        self._end_leases_of_the_dead()
        locking = Locking(self._machine)
        entries, observed = self.look(locking)
        self._note_behind(entries, observed)
        self._say_waiting(entries, observed)
        done: dict[str, Outcome] = {}
        self._work(entries, observed, locking, those, done)
        self._state.set_note("round", self._state.now)
        self._state.settle("watch")
        return Round(tuple(entries), done)

    # -- looking ---------------------------------------------------------------------------------

    def look(self, locking: Locking, *, writing: bool = True) -> tuple[list[Entry], Observed]:
        """The plan, and what it rests on; `writing` keeps what was seen in the state."""
        catalog, broken = self._catalog.read()
        if self._chosen.images:
            find = Definitions(self._machine).catalog.find
            paths = {find(name) for name in self._chosen.images}
            catalog = [wanted for wanted in catalog if wanted.path in paths]
        if writing:
            self._say_broken(broken)
            self._mark_ends(catalog, broken)
        archive = see_archive(locking, catalog)
        if writing:
            self._say_archive(archive)
            self._update_feeds()
        states = self._state.images()
        advisories = self._see_advisories(catalog, states, archive)
        observed = Observed(
            states,
            archive.updates,
            archive.digests,
            advisories.fixes,
            self._found(states, advisories) if writing else {},
            self._served(catalog, states),
        )
        entries = plan([w for w in catalog if w.name not in archive.unseen], observed)
        return entries, observed

    def _say_broken(self, broken: Mapping[str, str]) -> None:
        for name, text in broken.items():
            self._complain(f"definition {name}", text)
        for said in self._state.complaints():
            subject, _, name = said.subject.partition(" ")
            if subject == "definition" and broken.get(name) != said.text:
                self._state.settle(said.subject, broken.get(name, ""))

    def _say_archive(self, archive: SeenArchive) -> None:
        now = self._state.now
        self._state.saw_suites(
            [
                SuiteState(r.repository, r.suite, r.digest, r.date, r.valid_until or "", now, now)
                for r in archive.releases
            ]
        )
        for name, text in archive.problems.items():
            self._complain("archive", f"{name}: {text}")
        self._state.settle(
            "archive", *(f"{name}: {text}" for name, text in archive.problems.items())
        )

    def _update_feeds(self) -> None:
        every, now = self._chosen.advisories, self._clock()
        if every is None or self._machine.settings.offline:
            return
        if self._feeds_at is not None and now - self._feeds_at < every:
            return
        self._feeds_at = now
        outcomes = update_advisories(self._machine)
        wrong = {
            each.name: f"{each.name}: {each.status}: {each.reason}"
            for each in outcomes
            if each.status in ("refused", "failed")
        }
        for text in wrong.values():
            self._complain("advisories", text)
        self._state.settle("advisories", *wrong.values())
        good = [each for each in outcomes if each.name not in wrong]
        self._state.saw_feeds(
            [FeedState(each.name, each.date, each.records, stamp(now)) for each in good]
        )

    def _see_advisories(
        self, catalog: Sequence[Wanted], states: Mapping[str, ImageState], archive: SeenArchive
    ) -> SeenAdvisories:
        """Matched again only if advisories, images or updates are others than before."""
        try:
            file = self._machine.home.advisories.stat()
            stamped: object = (file.st_mtime_ns, file.st_size, file.st_ino)
        except OSError:
            stamped = None
        updates = {update for found in archive.updates.values() for update in found}
        key = (stamped, {n: s.published for n, s in states.items()}, updates)
        if key != self._advisories[0]:
            seen = see_advisories(self._machine, catalog, states, archive.updates, self._clock())
            self._advisories = (key, seen)
        return self._advisories[1]

    def _found(
        self, states: Mapping[str, ImageState], advisories: SeenAdvisories
    ) -> dict[str, Sequence[Fix]]:
        """Findings of what is published that nobody has looked after yet."""
        known = self._state.seen()
        return {
            name: fresh
            for name, findings in advisories.findings.items()
            if (fresh := [fix_of(f) for v, f in findings.items() if (v, name) not in known])
        }

    def _served(
        self, catalog: Sequence[Wanted], states: Mapping[str, ImageState]
    ) -> Mapping[str, str]:
        now, target = self._clock(), self._chosen.publish
        fresh = self._registry_at is not None and now - self._registry_at < REGISTRY_AGE
        if not target or fresh:
            return {}
        try:
            found = see_registry(self._machine, target, catalog, states)
        except IronhullError as error:
            self._complain("registry", str(error))
            return {}
        self._registry_at = now
        self._state.settle("registry")
        return found

    # -- images that are behind, and those whose end has come ------------------------------------

    def _note_behind(self, entries: Sequence[Entry], observed: Observed) -> None:
        """Since when images are behind and why; those that are no more are current again."""
        planned = {entry.name: entry for entry in entries}
        now = self._state.now
        for name, entry in planned.items():
            state = observed.states.get(name, ImageState(name))
            cause = entry.cause[:2000]
            if state.cause == cause and state.behind_since:
                continue

            def behind(known: ImageState, cause: str = cause) -> ImageState:
                kept = known.state if known.state not in ("current", "new") else "behind"
                standing = "new" if not known.published and kept == "behind" else kept
                since = known.behind_since or now
                return replace(known, state=standing, cause=cause, behind_since=since)

            self._state.change(name, behind)
            self._state.happened(list(seen_events(entry, observed, self._state.suites(), now)))
        for name, state in observed.states.items():
            if state.state == "behind" and name not in planned and name in observed.archives:
                self._state.change(
                    name, lambda known: replace(known, state="current", cause="", behind_since="")
                )

    def _say_waiting(self, entries: Sequence[Entry], observed: Observed) -> None:
        """Fixes that are known of what is published, and that the archive does not have."""
        ended = {
            entry.name: {
                fix.vulnerability
                for update in entry.updates
                for fix in observed.fixes.get(update, ())
            }
            for entry in entries
        }
        subjects: dict[str, str] = {}
        for name, findings in self._advisories[1].findings.items():
            lacking = sorted(
                vulnerability
                for vulnerability, finding in findings.items()
                if finding.fixed_version and vulnerability not in ended.get(name, ())
            )
            if lacking and name in observed.archives:
                shown = ", ".join(lacking[:_SHOWN]) + (", …" if len(lacking) > _SHOWN else "")
                subjects[f"{WAITING}{name}"] = f"not in the archive: fixes of {shown}"
        for said in self._state.complaints():
            if said.subject.startswith(WAITING) and subjects.get(said.subject) != said.text:
                self._state.settle(said.subject)
        for subject, text in subjects.items():
            self._complain(subject, text)

    def _mark_ends(self, catalog: Sequence[Wanted], broken: Mapping[str, str]) -> None:
        """Ends of life are announced, then waited for, then kept; nothing is dropped unsaid."""
        states = self._state.images()
        now = self._clock()
        for wanted in catalog:
            ends, said = _end_of(wanted, self._chosen.policy, now)
            state = states.get(wanted.name, ImageState(wanted.name))
            over = bool(ends) and moment(ends) is not None and ends <= stamp(now)
            if state.ends != ends or (over != (state.state == "ended")):
                standing = "ended" if over else ("current" if state.published else "new")
                kept = state.state if state.state != "ended" and not over else standing
                self._state.change(
                    wanted.name,
                    lambda s, k=kept, e=ends: replace(s, state=k, ends=e),  # type: ignore[misc]
                )
            if said:
                self._complain(wanted.name, said, "ended")
        if self._chosen.images:
            return
        there = {wanted.name for wanted in catalog} | set(broken)
        for name, state in states.items():
            if name not in there and state.state != "ended":
                text = "its definition is gone: its tags stay as they are, it is no longer built"
                self._state.change(
                    name,
                    lambda s, t=text: replace(s, state="ended", reason=t),  # type: ignore[misc]
                )
                self._complain(name, text, "ended")

    # -- working ---------------------------------------------------------------------------------

    def _work(
        self,
        entries: Sequence[Entry],
        observed: Observed,
        locking: Locking,
        those: Workers,
        done: dict[str, Outcome],
    ) -> None:
        """Every entry that is due, the most urgent first, as many at once as there are workers."""
        waiting = list(entries)
        running: dict[Future[Outcome], tuple[Entry, int]] = {}
        try:
            while (waiting or running) and not (self.stop.is_set() and not running):
                while waiting and len(running) < those.number and not self.stop.is_set():
                    entry = waiting.pop(0)
                    begun = self._begin(entry, observed)
                    if begun is not None:
                        task, number = begun
                        running[self._submit(task, number, locking, those)] = (entry, number)
                ended, _ = wait(running, LEASE.total_seconds() / 3, return_when=FIRST_COMPLETED)
                for future in ended:
                    entry, number = running.pop(future)
                    done[entry.name] = self._ended(entry, number, observed, future, those)
                for entry, _ in running.values():
                    self._state.take_lease(f"image/{entry.name}", self._holder, LEASE)
        finally:
            for future in running:
                future.cancel()

    def _begin(self, entry: Entry, observed: Observed) -> tuple[Task, int] | None:
        """A task with its attempt; None where it is not due, or another watcher has it."""
        name, now = entry.name, self._clock()
        seen = observed.states.get(name, ImageState(name))
        if not is_due(seen, now, examined(entry.wanted, observed)):
            return None
        if not self._state.take_lease(f"image/{name}", self._holder, LEASE):
            return None
        state = self._state.image(name)
        if (state.published, state.inputs) != (seen.published, seen.inputs):
            # Another watcher was faster, and the plan is older than what it has done.
            self._state.end_lease(f"image/{name}", self._holder)
            return None
        self._state.end_abandoned(name)
        attempt = Attempt(
            name, entry.cause[:2000], entry.urgency, stamp(now), self._holder,
            old=state.published, old_lock=state.lock,
        )  # fmt: skip
        chosen = self._chosen
        task = Task(
            self._machine.settings, name, entry.wanted.path, state, chosen.publish, chosen.policy
        )
        return task, self._state.begin(attempt)

    def _submit(self, task: Task, number: int, locking: Locking, those: Workers) -> Future[Outcome]:
        if not those.here:
            return those.executor.submit(work, task)
        told = self._telling(task.name, number)
        return those.executor.submit(work, task, told, locking, self._machine.progress)

    def _telling(self, name: str, number: int) -> Told:
        def told(step: str) -> None:
            if self.stop.is_set():
                raise Stopping
            self._told(name, step)

        return told

    def _ended(
        self, entry: Entry, number: int, observed: Observed, future: Future[Outcome], those: Workers
    ) -> Outcome:
        try:
            outcome = future.result()
        except Stopping:
            outcome = Outcome("stopped", "", "the watcher was asked to end")
        except Exception as error:
            if those.here:
                raise
            # A worker that died takes its task with it; a later round does it again.
            outcome = Outcome("failed", "", f"its worker is gone: {error!r:.500}", own=False)
        archive = observed.archives.get(entry.name, "")
        settle(self._state, self._chosen.policy, entry, number, archive, outcome)
        self._state.end_lease(f"image/{entry.name}", self._holder)
        state = observed.states.get(entry.name)
        self._telling_of.ended(entry, outcome, state.published if state else "")
        return outcome

    # -- saying ----------------------------------------------------------------------------------

    def _complain(self, subject: str, text: str, kind: Kind = "problem") -> None:
        """Say a cause once, for as long as it lasts."""
        self._telling_of.complain(subject, text, kind)

    def _end_leases_of_the_dead(self) -> None:
        """A watcher of this machine that was killed holds nothing: nobody waits for its leases."""
        for name, holder in self._state.leases().items():
            host, _, process = holder.rpartition(":")
            number = process.partition("-")[0]
            if host == socket.gethostname() and number.isdecimal() and not _lives(int(number)):
                self._state.end_lease(name, holder)

    def _check_clock(self) -> None:
        """EnvironmentProblem for a clock that went back: nothing would be in its order any more."""
        last, now = moment(self._state.note("round")), self._clock()
        if last is not None and now < last - CLOCK_SLACK:
            raise EnvironmentProblem(
                f"this machine's clock says {stamp(now)}, and a round ended at {stamp(last)}: it is"
                " wrong now, or was then. Nothing is done until one of them is mended"
            )


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
