"""One image on its way to a review: lock, build, test, scan, gate; and what it is compared with.

What the lock beside the definition has now is built as well, so that a reviewer is told what
changes. Nothing is signed, nothing published, and the lock stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

from ironhull.build.built import BuiltImage
from ironhull.changes.document import document_of
from ironhull.definition.model import ImageDefinition
from ironhull.errors import IronhullError
from ironhull.inventory.model import Inventory
from ironhull.lock.file import render_lock
from ironhull.lock.model import Lock
from ironhull.progress import Progress, Silent
from ironhull.store.layout import LOCKED
from ironhull.watch.facts import Facts
from ironhull.watch.task import Outcome, Task, Told
from ironhull.workspace.changelog import changes_between
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_shared import Shared, shared_in
from ironhull.workspace.watch_steps import Run, forget_named, inputs_of


def review(
    task: Task,
    told: Told = lambda step: None,
    shared: Shared | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Build and examine what the archive has now, as `watch_steps.work` does; `built` is good.

    `unchanged` where the lock stays as it is; the detail of what is built is what the gate says.
    """
    machine = Machine(task.settings, progress or Silent())
    if shared is not None:
        return _Review(task, machine, shared, told).done()
    with shared_in(task, machine) as own:
        return _Review(task, machine, own, told).done()


class _Review(Run):
    """The same steps, beside what the lock has instead of what is published."""

    def all(self) -> Outcome:
        definition, old, lock = self._begin("lock", self._lock)
        self._known |= {"inputs": inputs_of(definition, lock), "lock": render_lock(lock)}
        if lock == old:
            return self.outcome("unchanged", "")
        with self.machine.home.store.gathering():
            image = self._begin("build", partial(self._build, definition, lock))
            self._known["digest"] = image.descriptor.digest
            reasons = self._examined(definition, lock, image)
            self._compare(image)
            forget_named(self.machine, self._candidate, self._locked_name)
        return self.outcome("built", "; ".join(reasons))

    def _compare(self, image: BuiltImage) -> None:
        """The changelog of the first platform that both have."""
        new = self._sides(self._inventories(image))
        by_platform = {side.inventory.image.platform: side for side in new}
        for old in self._sides(self._published):
            if old.inventory.image.platform in by_platform:
                after = by_platform[old.inventory.image.platform]
                made = document_of(changes_between(self.machine, old, after))
                self._known["changes"] = {**made, "image": self.task.name}
                return

    @property
    def _locked_name(self) -> str:
        return f"{LOCKED}{self.task.name}"

    @cached_property
    def _locked(self) -> tuple[ImageDefinition, Lock, BuiltImage] | None:
        """What the lock has, built; None where it cannot be, for a reviewer wants to know why."""
        if "old_lock" not in self._known:
            return None
        try:
            definition, lock = Definitions(self.machine).locked(str(self.task.path))
            return definition, lock, self._build(definition, lock, self._locked_name)
        except IronhullError as error:
            self._known["uncompared"] = str(error)
            return None

    @cached_property
    def _published(self) -> Sequence[Inventory]:
        return self._inventories(self._locked[2], self._locked_name) if self._locked else ()

    @property
    def _facts_before(self) -> Facts | None:
        return self._facts(*self._locked, self._locked_name, None) if self._locked else None
