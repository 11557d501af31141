"""Who works on an image: a watcher or a human, each under a lease, so that no two do at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.state.watching import WatchState
from ironhull.store.files import unique

LEASE = timedelta(minutes=5)
"""How long an image is nobody else's; renewed while it is worked on."""


def new_holder() -> str:
    """A name for who takes leases, which tells its machine and its process."""
    return f"{this_machine()}:{unique()}"


def lease_of(image: str) -> str:
    """What the lease of an image is called."""
    return f"image/{image}"


@contextmanager
def leased(state: WatchState, image: str) -> Iterator[None]:
    """No watcher publishes the image within the block; EnvironmentProblem while one is at it."""
    lease, holder = lease_of(image), new_holder()
    if not state.take_lease(lease, holder, LEASE):
        raise EnvironmentProblem(
            f"{image}: a watcher works on it now, and would move its tags again: "
            "try it once more when that is done"
        )
    try:
        yield
    finally:
        state.end_lease(lease, holder)


def end_leases_of_the_dead(state: WatchState) -> None:
    """Who was killed on this machine holds nothing: nobody waits for such a lease."""
    for name, holder in state.leases().items():
        host, _, process = holder.rpartition(":")
        number = process.partition("-")[0]
        if host == this_machine() and number.isdecimal() and not _lives(int(number)):
            state.end_lease(name, holder)


def this_machine() -> str:
    """The host, and the space of its process numbers: two containers may have the same name."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    return f"{socket.gethostname()}/{space}"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
