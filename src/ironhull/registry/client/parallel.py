"""Several pieces of work at once, where one that fails ends the others soon."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter
from typing import Any, Generic, TypeVar

from ironhull.errors import EnvironmentProblem
from ironhull.transport.stop import Stop

WORKERS = 8
"""As many as there are connections kept to a server (`transport.pools`)."""
_GRACE = 3.0

# How soon a thread that waits for others sees that it was stopped from outside.
_LOOK = 0.2
# How long a thread has for all of the work before the next one helps: pieces that wait for nothing
# are done by then, and threads that find none cost more than they.
_ALONE = 0.002

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def run_all(work: Sequence[Callable[[], None]], stop: Stop, workers: int = WORKERS) -> None:
    """Do all of the work, as `run_ordered` does."""
    run_ordered(dict(enumerate(work)), {}, stop, workers)


def run_ordered(
    work: Mapping[K, Callable[[], None]],
    after: Mapping[K, Collection[K]],
    stop: Stop,
    workers: int = WORKERS,
) -> None:
    """Do all of the work, each piece `after` those named (if they are work here) are done.

    Raises the first failure after the rest was told to stop; EnvironmentProblem if it was stopped
    from outside; graphlib.CycleError if pieces wait for each other.

    The threads are daemons: an interrupt (Ctrl-C) waits for them for a moment, so that they can
    tidy up, and not for a server that has stopped answering.
    """
    line = _Line(work, after, stop)
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    running = 0
    try:
        for _ in range(min(workers, len(work))):
            running += 1
            threading.Thread(target=_go_on, args=(line, ended, stop), daemon=True).start()
            if line.ends_within(_ALONE):
                break
        failures = [ended.get() for _ in range(running)]
    except BaseException:
        # Not `join`: an interrupt in the middle of it makes Python 3.11 take the thread for ended.
        stop.set()
        until = time.monotonic() + _GRACE
        with suppress(queue.Empty):
            for _ in range(running):
                ended.get(timeout=max(0.0, until - time.monotonic()))
        raise
    found = [failure for failure in failures if failure is not None]
    if found:
        # Every thread has ended: whoever catches the failure may go on with the same connections.
        stop.over()
        raise found[0]
    # Pieces of other work with the same `stop` may have failed, and gone on since.
    if stop.for_good or line.left:
        raise EnvironmentProblem("stopped")


def ask_all(questions: Sequence[Callable[[], T]], stop: Stop, workers: int = WORKERS) -> list[T]:
    """What each question gives, in their order; of one worker, one after the other right here."""
    if workers <= 1 or len(questions) <= 1:
        return [question() for question in questions]
    answers: dict[int, T] = {}

    def task(number: int, question: Callable[[], T]) -> Callable[[], None]:
        def run() -> None:
            answers[number] = question()

        return run

    run_all([task(*each) for each in enumerate(questions)], stop, workers)
    return [answers[number] for number in range(len(questions))]


class _Line(Generic[K]):
    """The work that is left, in its order; a thread waits for what waits for others."""

    def __init__(
        self,
        work: Mapping[K, Callable[[], None]],
        after: Mapping[K, Collection[K]],
        stop: Stop,
    ) -> None:
        self._work = work
        self._stop = stop
        self._sorter = TopologicalSorter(
            {key: [each for each in after.get(key, ()) if each in work] for key in work}
        )
        self._sorter.prepare()
        self._ready = deque(self._sorter.get_ready())
        self._changed = threading.Condition()
        self._failed = False

    @property
    def left(self) -> bool:
        """Whether a piece is not done."""
        return self._sorter.is_active()

    def ends_within(self, seconds: float) -> bool:
        """Whether no piece is left before so long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._sorter.is_active(), seconds)

    def take(self) -> K | None:
        """The next piece; None when there is none left, or the work was stopped."""
        with self._changed:
            while not self._stop.is_set():
                if self._ready:
                    return self._ready.popleft()
                if not self._sorter.is_active():
                    return None
                self._changed.wait(_LOOK)
        return None

    def do(self, key: K) -> None:
        """Do a piece, and let go on what waited for it."""
        self._work[key]()
        with self._changed:
            self._sorter.done(key)
            self._ready.extend(self._sorter.get_ready())
            self._changed.notify_all()

    def fail(self) -> bool:
        """Whether this is the first failure of this work; it stops what runs beside it.

        After a stop from outside there is none: pieces fail because they were told to end.
        """
        with self._changed:
            if self._failed or self._stop.for_good:
                return False
            self._failed = True
            self._stop.fail()
            return True


def _go_on(line: _Line[Any], ended: queue.SimpleQueue[BaseException | None], stop: Stop) -> None:
    """Work until there is none, then say how it ended: the failure that was not told to stop."""
    failure: BaseException | None = None
    try:
        while (key := line.take()) is not None:
            line.do(key)
    except BaseException as error:
        failure = error if line.fail() else None
    finally:
        ended.put(failure)
