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

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, IronhullError
from ironhull.lock.file import lock_path
from ironhull.notify.message import Kind
from ironhull.state.connecting import sqlite_url
from ironhull.state.watch_records import Attempt, ImageState, moment, stamp
from ironhull.state.watching import Clock, WatchState
from ironhull.store.files import replace_file, unique
from ironhull.watch.bases import Line
from ironhull.watch.model import CauseKind, Entry
from ironhull.watch.patience import is_due
from ironhull.watch.plan import Observed, examined, images_of, stands_on, waits_for
from ironhull.watch.task import Outcome, Stopping, Task, Told, digest_of_file
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import notifier
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watch_executors import Workers, workers
from ironhull.workspace.watch_foreign import Following
from ironhull.workspace.watch_leases import (
    LEASE,
    end_leases_of_the_dead,
    lease_of,
    new_holder,
)
from ironhull.workspace.watch_looking import Looking
from ironhull.workspace.watch_noting import note_behind, note_planned, say_waiting
from ironhull.workspace.watch_proposing import Proposing
from ironhull.workspace.watch_reviewing import review
from ironhull.workspace.watch_settling import settle
from ironhull.workspace.watch_shared import Shared
from ironhull.workspace.watch_steps import work
from ironhull.workspace.watch_telling import Telling

_GONE: Future[Outcome] = Future()
_GONE.set_exception(ConnectionError("what gives the work to workers is gone"))
_LOOK = 10.0
"""Seconds between two looks at whether the workers are there."""
_LEAST_REST = 1.0
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
        self._broken, self._round = False, ""
        self._clock, self._told = clock or _now, told
        self._telling_of = Telling(machine, state, None)
        self._holder = new_holder()
        self._looking = Looking(machine, chosen, state, self._clock, self._complain)
        self._following = Following(
            machine, state, chosen.policy.foreign, self._clock, self._complain
        )
        if chosen.propose and chosen.publish:
            raise InputError("an image is proposed or published, not both: leave one of them out")
        if chosen.remote and not chosen.propose:
            raise InputError("a remote is where proposals are pushed: it needs --propose")
        self._proposing = Proposing(machine, chosen.remote) if chosen.propose else None

    def run(self, rounds: Callable[[Round], object] = lambda one: None) -> None:
        """Round after round until `stop` is set; a round that fails is said once, and repeated."""
        with self._told_of():
            opened = False
            while not self.stop.is_set():
                try:
                    with workers(self._chosen.executor) as those:
                        opened, self._broken = True, False
                        self._rounds(those, rounds)
                except EnvironmentProblem as error:
                    # A scheduler that was there and is gone may come back.
                    if not opened:
                        raise
                    self._complain("watch", str(error))
                    self._rest(time.monotonic())

    def _rounds(self, those: Workers, rounds: Callable[[Round], object]) -> None:
        """Until `stop` is set, or the workers are to be opened anew."""
        while not self.stop.is_set() and not self._broken:
            begun = time.monotonic()
            try:
                rounds(self.round(those))
            except IronhullError as error:
                self._complain("watch", str(error))
            self._rest(begun)

    def _rest(self, begun: float) -> None:
        """Until the next round is due, and a little if it is: others are asked in each round."""
        left = self._chosen.interval.total_seconds() - (time.monotonic() - begun)
        self.stop.wait(max(left, _LEAST_REST))

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
        self._round = unique()
        end_leases_of_the_dead(self._state)
        self._follow()
        locking = Locking(self._machine)
        entries, observed = self._looking.look(locking)
        self._following.follow()
        note_behind(self._state, entries, observed)
        say_waiting(self._state, entries, observed, self._looking.findings, self._complain)
        done: dict[str, Outcome] = {}
        shared = Shared(self._machine, locking)
        try:
            self._work(entries, observed, shared, those, done)
        finally:
            shared.close()
        self._state.set_note("round", self._state.now)
        self._state.settle("watch")
        self._telling_of.kept()
        return Round(tuple(entries), done)

    def _follow(self) -> None:
        """What was merged meanwhile is seen so; where it cannot be, what is there has to do."""
        if self._proposing is None:
            return
        try:
            self._proposing.follow()
            self._state.settle("git")
        except IronhullError as error:
            self._complain("git", str(error))

    @property
    def unseen(self) -> Mapping[str, str]:
        """What could not be seen when it was looked last, and why."""
        return self._looking.unseen

    def plan(self) -> list[Entry]:
        """What a round would do now, in the order of the work; nothing is written down.

        What could not be seen, by subject, is `unseen` then.
        """
        entries, observed = self._looking.look(Locking(self._machine), writing=False)
        planned = {entry.name for entry in entries}
        for name, updates in observed.updates.items():
            if name not in planned and (until := waits_for(updates, observed)):
                self._machine.progress.note(
                    f"{name}: newer packages are too young by the policy, until {until[:16]}"
                )
        return self._looking.bases.expected(entries, observed, self._clock())

    # -- working ---------------------------------------------------------------------------------

    def _work(
        self,
        entries: list[Entry],
        observed: Observed,
        shared: Shared,
        those: Workers,
        done: dict[str, Outcome],
    ) -> None:
        """Every entry that is due, the most urgent first, as many at once as there are workers."""
        waiting, renewed = Line(entries, self._looking.bases), time.monotonic()
        running: dict[Future[Outcome], tuple[Entry, int]] = {}
        try:
            while (waiting or running) and not (self.stop.is_set() and not running):
                if not those.alive():
                    # Whether they ever end nobody can say.
                    for future in [each for each in running if not each.done()]:
                        future.cancel()
                        entry, number = running.pop(future)
                        done[entry.name] = self._ended(entry, number, observed, _GONE, those)
                    self._broken = True
                if self._broken:
                    waiting.clear()
                while len(running) < those.number and not self.stop.is_set():
                    taken = waiting.take({each.name for each, _ in running.values()})
                    if taken is None:
                        break
                    begun = self._begin(taken, observed)
                    if begun is not None:
                        task, number = begun
                        running[self._submit(task, shared, those)] = (taken, number)
                ended, _ = wait(running, _LOOK, return_when=FIRST_COMPLETED)
                for future in ended:
                    entry, number = running.pop(future)
                    done[entry.name] = self._ended(entry, number, observed, future, those)
                    observed = self._moved(done[entry.name], entry.name, observed, waiting, entries)
                if time.monotonic() - renewed > LEASE.total_seconds() / 3:
                    renewed = time.monotonic()
                    for entry, _ in running.values():
                        self._state.take_lease(lease_of(entry.name), self._holder, LEASE)
        finally:
            left = [future for future in running if not future.cancel()]
            # What they share here is closed next; who asks twice to end waits for nothing.
            if those.here and not isinstance(sys.exception(), KeyboardInterrupt):
                wait(left)

    def _begin(self, entry: Entry, observed: Observed) -> tuple[Task, int] | None:
        """A task with its attempt; None where it is not due, or another watcher has it."""
        name, now = entry.name, self._clock()
        seen = observed.states.get(name, ImageState(name))
        if not is_due(seen, now, examined(entry.wanted, observed)):
            return None
        taken = self._take(entry, seen, stamp(now))
        if taken is None:
            return None
        state, number = taken
        chosen = self._chosen
        task = Task(
            self._machine.settings, name, entry.wanted.path, state, chosen.publish, chosen.policy,
            lock=_bytes_of(lock_path(entry.wanted.path)),
            source=digest_of_file(entry.wanted.path),
            review=self._chosen.propose,
            advised=any(cause.kind is CauseKind.ADVISORY for cause in entry.causes),
            round=self._round,
            images=images_of(entry.wanted, observed),
        )  # fmt: skip
        return task, number

    def _take(self, entry: Entry, seen: ImageState, now: str) -> tuple[ImageState, int] | None:
        """The image under our lease, with a new attempt; None where another watcher has it."""
        name, state = entry.name, self._state
        with state.transaction():
            if not state.take_lease(lease_of(name), self._holder, LEASE):
                return None
            known = state.image(name)
            if (known.published, known.inputs) != (seen.published, seen.inputs):
                # Another watcher was faster, and the plan is older than what it has done.
                state.end_lease(lease_of(name), self._holder)
                return None
            state.end_abandoned(name)
            return known, state.begin(
                Attempt(
                    name, entry.cause[:2000], entry.urgency, now, self._holder,
                    old=known.published, old_lock=known.lock,
                )
            )  # fmt: skip

    def _submit(self, task: Task, shared: Shared, those: Workers) -> Future[Outcome]:
        do = review if task.review else work
        if not those.here:
            try:
                return those.executor.submit(do, task)
            except Exception as error:
                # Of processes that one has died among, of a scheduler that is gone.
                failed: Future[Outcome] = Future()
                failed.set_exception(error)
                return failed
        told = self._telling(task.name)
        return those.executor.submit(do, task, told, shared, self._machine.progress)

    def _telling(self, name: str) -> Told:
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
            # A worker that died takes its task with it; a later round does it again, with new ones.
            self._broken = True
            outcome = Outcome("failed", "", f"its worker is gone: {error!r:.500}", own=False)
        if outcome.result == "built" and self._proposing is not None:
            outcome = self._proposing.propose(entry, outcome)
        file = lock_path(entry.wanted.path)
        done = outcome.result in ("published", "unchanged") and not self._chosen.propose
        if done and outcome.lock and _bytes_of(file) != outcome.lock:
            # Who did it was on another host, with a catalog of its own.
            replace_file(file, outcome.lock)
        archive = stands_on(entry.wanted, observed)
        with self._state.transaction():
            settle(self._state, self._chosen.policy, entry, number, archive, outcome)
            self._state.end_lease(lease_of(entry.name), self._holder)
        state = observed.states.get(entry.name)
        self._telling_of.ended(entry, outcome, state.published if state else "")
        # Of a large round thousands are kept until its end.
        return replace(outcome, lock=b"", old_lock=b"")

    def _moved(
        self, outcome: Outcome, name: str, observed: Observed, waiting: Line, entries: list[Entry]
    ) -> Observed:
        """What is seen when an image ended; what takes files from it joins those that wait."""
        if outcome.result not in ("published", "unchanged") or self._chosen.propose:
            return observed
        observed, more = self._looking.moved(name, outcome.digest, observed)
        if more:
            note_planned(self._state, more, observed)
            waiting.add(more)
            names = {entry.name for entry in more}
            entries[:] = [*(entry for entry in entries if entry.name not in names), *more]
        return observed

    # -- saying ----------------------------------------------------------------------------------

    def _complain(self, subject: str, text: str, kind: Kind = "problem") -> None:
        """Say a cause once, for as long as it lasts."""
        self._telling_of.complain(subject, text, kind)

    def _check_clock(self) -> None:
        """EnvironmentProblem for a clock that went back: nothing would be in its order any more."""
        last, now = moment(self._state.note("round")), self._clock()
        if last is not None and now < last - CLOCK_SLACK:
            raise EnvironmentProblem(
                f"this machine's clock says {stamp(now)}, and a round ended at {stamp(last)}: it is"
                " wrong now, or was then. Nothing is done until that is past (set the clock; if it"
                " is right now: ironhull state clock)"
            )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
