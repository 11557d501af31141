"""Several pieces of work at once, where one that fails ends the others soon."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

WORKERS = 4
_GRACE = 3.0


def run_all(
    work: Sequence[Callable[[], None]], stop: threading.Event, workers: int = WORKERS
) -> None:
    """Do all of the work; raises the first failure after the rest was told to stop.

    The threads are daemons: an interrupt (Ctrl-C) waits for them for a moment, so that they can
    tidy up, and not for a server that has stopped answering.
    """
    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    for piece in work:
        waiting.put(piece)
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=_go_on, args=(waiting, failures, stop), daemon=True)
        for _ in range(min(workers, len(work)))
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join(_GRACE)
        raise
    if failures:
        # Every thread has ended: whoever catches the failure may go on with the same connections.
        stop.clear()
        raise failures[0]


def _go_on(
    waiting: queue.SimpleQueue[Callable[[], None]],
    failures: list[BaseException],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            piece = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            piece()
        except BaseException as error:
            failures.append(error)
            stop.set()
