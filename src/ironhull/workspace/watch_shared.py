"""What the images of one round share where they are worked on: archive, connections, databases.

A worker is a process that lives longer than an image. It sees the archive and the advisories at one
moment for all images of a round, speaks to a registry over the same connections, keeps the
inventories' database open and what the layers hold in memory. All of it is made anew for the next
round, what is open for the next image too where one has failed with a registry.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ironhull.advisories.database import Database
from ironhull.inventory.cache import RecordCache
from ironhull.inventory.take import records_folder
from ironhull.registry.client.access import Registries
from ironhull.settings import Settings
from ironhull.state.inventories import InventoryStore
from ironhull.watch.task import Task
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import kept_registries

_KEPT_RECORDS = 16 << 20
"""Bytes; in memory they are about three times as large."""


class Shared:
    """One thread's. `close` lets the connections go; they are opened when they are needed."""

    def __init__(self, machine: Machine, locking: Locking | None = None) -> None:
        self.locking = locking or Locking(machine)
        self.records = RecordCache(records_folder(machine.home), _KEPT_RECORDS)
        self.inventories = InventoryStore(machine.home.inventories, keeping=True)
        self._machine = machine
        self._opened: Registries | None = None
        self._advisories: Database | None = None

    @contextmanager
    def registries(self) -> Iterator[Registries]:
        """The registries of the round, for one image; who fails with them leaves none behind."""
        if self._opened is None:
            self._opened = kept_registries(self._machine)
        try:
            yield self._opened
        except BaseException:
            self.close()
            raise

    @property
    def advisories(self) -> Database:
        """The advisories as the first who asked has found them; InputError where there are none."""
        if self._advisories is None:
            self._advisories = Database(self._machine.home.advisories)
        return self._advisories

    def close(self) -> None:
        """Let all connections go."""
        self.inventories.close()
        known, self._advisories = self._advisories, None
        if known is not None:
            known.close()
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


class _Kept(threading.local):
    shared: Shared | None = None
    of: tuple[Settings, str] | None = None


_kept = _Kept()


@contextmanager
def shared_in(task: Task, machine: Machine) -> Iterator[Shared]:
    """What this thread has for the task's round, kept for the next one; alone where it has none."""
    if not task.round:
        alone = Shared(machine)
        try:
            yield alone
        finally:
            alone.close()
        return
    key = (task.settings, task.round)
    if _kept.shared is None or _kept.of != key:
        if _kept.shared is not None:
            _kept.shared.close()
        _kept.shared, _kept.of = Shared(machine), key
    yield _kept.shared
