"""What a piece of work costs, without a clock: a busy machine is no fault of the work's."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ends(seconds: float = 60) -> Iterator[None]:
    """Raise TimeoutError in work that takes this much of the process's own time.

    Only for work that ends at once or, as good as, never: the time is far more than it can take.
    """

    def late(*_: object) -> None:
        raise TimeoutError(f"did not end in {seconds} seconds of the processor")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's and C's: the same number each time."""
    number = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return number
