"""The word to end that several threads look for."""

from __future__ import annotations

import threading


class Stop:
    """Said from outside, which holds for good; or by work that fails, to what runs beside it.

    One flag for both would forget what is said from outside while the work that failed ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = threading.Event()
        self._failing = 0
        self._good = False

    def set(self) -> None:
        """End, from outside: nothing takes that back."""
        with self._lock:
            self._good = True
            self._said.set()

    def fail(self) -> None:
        """End, because work beside it failed; as often as this, `over` has to be said."""
        with self._lock:
            self._failing += 1
            self._said.set()

    def over(self) -> None:
        """All of the work that failed has ended: others may go on."""
        with self._lock:
            self._failing -= 1
            if not self._failing and not self._good:
                self._said.clear()

    @property
    def for_good(self) -> bool:
        """Whether it was said from outside."""
        return self._good

    def is_set(self) -> bool:
        """Whether to end now."""
        return self._said.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is said, at most so long; whether it was."""
        return self._said.wait(seconds)
