"""Several pieces of work at once, where one that fails ends the others soon."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ironhull.errors import EnvironmentProblem

WORKERS = 4
_GRACE = 3.0


def run_all(
    work: Sequence[Callable[[], None]], stop: threading.Event, workers: int = WORKERS
) -> None:
    """Do all of the work; raises the first failure after the rest was told to stop.

    EnvironmentProblem if it was stopped from outside.

    The threads are daemons: an interrupt (Ctrl-C) waits for them for a moment, so that they can
    tidy up, and not for a server that has stopped answering.
    """
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    for piece in work:
        waiting.put(piece)
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    running = 0
    try:
        for _ in range(min(workers, len(work))):
            running += 1
            threading.Thread(target=_go_on, args=(waiting, ended, stop), daemon=True).start()
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
        stop.clear()
        raise found[0]
    if stop.is_set():
        raise EnvironmentProblem("stopped")


def _go_on(
    waiting: queue.SimpleQueue[Callable[[], None]],
    ended: queue.SimpleQueue[BaseException | None],
    stop: threading.Event,
) -> None:
    """Work until there is none, then say how it ended: the failure that was not told to stop."""
    failure: BaseException | None = None
    try:
        while not stop.is_set():
            try:
                piece = waiting.get_nowait()
            except queue.Empty:
                break
            piece()
    except BaseException as error:
        failure = None if stop.is_set() else error
        stop.set()
    finally:
        ended.put(failure)
