"""When a failing image is tried again, and when no more until something changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ironhull.state.watch_records import ImageState, moment, stamp

_MOST = 30


@dataclass(frozen=True, slots=True)
class Patience:
    """Pauses that double, and how many failures in a row put an image into quarantine."""

    first: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=6)
    failures: int = 5

    def pause(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row."""
        doublings = min(max(failures - 1, 0), _MOST)
        return min(self.first * (1 << doublings), self.longest)

    def failed(self, state: ImageState, reason: str, now: datetime, *, own: bool) -> ImageState:
        """An image that failed; `own`: by its own fault, and not by that of network or disk.

        What is nobody's fault never leads to quarantine: it would hit all images at once.
        """
        failures = state.failures + 1
        out = own and failures >= self.failures
        return replace(
            state,
            state="quarantined" if out else "failing",
            reason=reason,
            failures=failures,
            retry_at=stamp(now + self.pause(failures)),
        )


def is_due(state: ImageState, now: datetime, examined: str) -> bool:
    """Whether an image may be worked on now.

    What is held, proposed or in quarantine waits until its archive or definition is another one,
    for which `examined` stands, or until a human has decided.
    """
    if state.hold:
        return False
    if state.state in ("held", "proposed", "quarantined") and state.examined == examined:
        return bool(state.candidate) and state.candidate == state.approved
    retry = moment(state.retry_at)
    return retry is None or retry <= now or state.examined != examined
