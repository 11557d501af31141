"""How long to hope for an answer: attempts, pauses between them, deadlines.

`Patience` is the policy, a value of the protocol; `Tries` applies it to one exchange.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace

from ironhull.errors import NetworkError
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often: seconds, counts, bytes a second.

    `attempts` may bring nothing, in a row, and `all_attempts` be made in all; where nobody listens
    `unreachable` are enough. The first pause is `first_wait`, each other one twice the one before;
    `longest_wait` is what a server may ask for before we give up instead. `connect` and `idle` are
    for one connection, `whole` and `rate` for all of an exchange (see `seconds_for`).
    """

    attempts: int = 5
    all_attempts: int = 20
    unreachable: int = 2
    first_wait: float = 0.5
    longest_wait: float = 90.0
    connect: float = 15.0
    idle: float = 60.0
    whole: float = 120.0
    rate: float | None = None

    def seconds_for(self, size: int) -> float:
        """The time in which `size` bytes must have come: `whole`, and what `rate` gives them."""
        return self.whole + (size / self.rate if self.rate else 0.0)

    def once(self) -> Patience:
        """The same, for what must not be sent twice."""
        return replace(self, attempts=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that pass, and waiting for them; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


class Broken(NetworkError):
    """One attempt came to nothing, and another one may do better.

    `reason` is why in words for people, `where` what the message begins with; `wait` is the pause
    that the server asked for, `absent` means that nobody listens there. For loops over attempts
    alone: what leaves them is GaveUp.
    """

    def __init__(
        self, where: str, reason: str, *, wait: float | None = None, absent: bool = False
    ) -> None:
        self.where = where
        self.reason = reason
        self.wait = wait
        self.absent = absent
        super().__init__(f"{where}: {reason}")

    def at(self, where: str) -> Broken:
        """The same at a place that says more."""
        return Broken(where, self.reason, wait=self.wait, absent=self.absent)


class GaveUp(NetworkError):
    """Patience is over: `last` is the failure of the last of `attempts`.

    `late`: time ran out; `asked`: the server wants to be left alone for longer than we wait.
    """

    def __init__(self, last: Broken, attempts: int, *, late: bool, asked: bool) -> None:
        self.last = last
        self.attempts = attempts
        self.late = late
        self.asked = asked
        super().__init__(str(last))

    def in_words(self, written: int) -> str:
        """The failure of a download of which so many bytes had come."""
        if self.asked:
            return f"{self.last} and asks to come back in {self.last.wait or 0:.0f} s"
        tried = f"after {self.attempts} attempts" if self.attempts > 1 else "at once"
        why = "and took too long " if self.late else ""
        return f"{self.last} (gave up {why}{tried}, with {written} bytes)"


class Tries:
    """The attempts at one exchange. `until` is the clock's time at which it must have ended.

    `note` is told of each failure that another attempt follows, and of the pause before it.
    """

    def __init__(
        self,
        patience: Patience,
        clock: Clock,
        note: Callable[[Broken, float], object],
        *,
        until: float | None = None,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._note = note
        self._until = until
        self._made = 0
        self._barren = 0
        self._gained = self._ever_gained = False

    def gained(self) -> None:
        """Say that the attempt brought something: hope begins anew."""
        self._gained = self._ever_gained = True

    def too_late(self) -> bool:
        """Whether the time for all of it is over."""
        return self._until is not None and self._clock.now() > self._until

    def again(self, failure: Broken, release: Callable[[], object] = lambda: None) -> None:
        """Wait for the next attempt; GaveUp if there is to be none.

        `release` is called before the pause, for what should not be held over it.
        """
        self._made += 1
        self._barren = 1 if self._gained else self._barren + 1
        self._gained = False
        pause = self._pause(failure)
        late = self._until is not None and self._clock.now() + pause > self._until
        asked = (failure.wait or 0.0) > self._patience.longest_wait
        if self._is_over(failure) or late or asked:
            raise GaveUp(failure, self._made, late=late, asked=asked)
        release()
        self._note(failure, pause)
        self._clock.sleep(pause)

    def _pause(self, failure: Broken) -> float:
        doubled = self._patience.first_wait * float(1 << (self._barren - 1))
        own = doubled * random.uniform(0.8, 1.2)  # noqa: S311 - not in step with other clients
        return max(own, failure.wait or 0.0)

    def _is_over(self, failure: Broken) -> bool:
        patience = self._patience
        # Where nobody ever listened one more attempt is enough; a server that went away comes back.
        nobody = failure.absent and not self._ever_gained
        return (
            self._barren >= patience.attempts
            or (nobody and self._barren >= patience.unreachable)
            or self._made >= patience.all_attempts
        )
