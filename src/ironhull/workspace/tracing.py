"""Why a package is in an image of the catalog, or is not."""

from __future__ import annotations

from ironhull.lock.file import read_lock
from ironhull.lock.presence import Absent, Present
from ironhull.lock.presence import presence as presence_in
from ironhull.lock.request import check_lock
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine


def presence(
    machine: Machine, name: str, package: str, platform: str | None = None
) -> Present | Absent:
    """By the image's lock, for its first platform if none is named; LockError as `locked`."""
    definition, file = Definitions(machine).definition(name)
    lock = read_lock(file)
    check_lock(lock, definition, str(file))
    return presence_in(definition, lock, package, platform)
