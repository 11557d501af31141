"""Following images that are not ours: scanned at their registry, and told when their base is fixed.

Each is asked for by its tag once an hour, and scanned again then; what is in an image of a known
digest is not read again. Nothing is written to any registry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ironhull.advisories.database import Database
from ironhull.errors import EnvironmentProblem, InputError, IronhullError
from ironhull.inventory.model import Inventory
from ironhull.notify.message import Kind
from ironhull.oci.reference import Reference
from ironhull.scan.model import Finding
from ironhull.scan.severities import RANK
from ironhull.state.watch_records import ForeignState, stamp
from ironhull.state.watching import Clock, WatchState
from ironhull.watch.foreign import BASE_NAME, ForeignChoice, fixed_in_base, named_host
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries
from ironhull.workspace.scanning import ScanChoices, inventory_of, scan_inventory

AGE = timedelta(hours=1)
"""How often registries are asked."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """An image as it is now."""

    inventory: Inventory
    open: Sequence[Finding]


class Following:
    """The eyes of one watcher for foreign images."""

    def __init__(
        self,
        machine: Machine,
        state: WatchState,
        choices: Sequence[ForeignChoice],
        clock: Clock,
        complain: Callable[[str, str, Kind], object],
    ) -> None:
        self._machine, self._state, self._choices = machine, state, choices
        self._clock, self._complain = clock, complain
        self._at: datetime | None = None

    def follow(self) -> None:
        """Look at all of them, if it is time; what cannot be seen is said, and the others go on."""
        now = self._clock()
        if self._machine.settings.offline or (self._at is not None and now - self._at < AGE):
            return
        self._at = now
        self._state.keep_foreign({choice.image for choice in self._choices})
        seen: dict[str, _Seen | IronhullError] = {}
        for choice in self._choices:
            subject = f"foreign {choice.image}"
            try:
                said = self._one(choice, seen)
            except IronhullError as error:
                self._complain(subject, str(error), "problem")
                self._state.settle(subject, str(error))
                continue
            if said:
                self._complain(subject, said, "foreign")
            self._state.settle(subject, said)

    def _one(self, choice: ForeignChoice, seen: dict[str, _Seen | IronhullError]) -> str:
        """Look at one and write it down; what there is to be told of it."""
        own = self._seen(choice.image, seen)
        base = choice.base or self._said_base(choice, own.inventory)
        fixed: dict[str, str] = {}
        if base:
            below = self._seen(base, seen)
            fixed = fixed_in_base(own.inventory, own.open, below.inventory, below.open)
        now = self._clock()
        found = {each.id: each.severity for each in own.open}
        digest = own.inventory.image.digest or ""
        self._state.saw_foreign(ForeignState(choice.image, digest, stamp(now), base, found, fixed))
        self._state.count(stamp(now)[:10], choice.image, Counter(found.values()))
        if not fixed or choice.beside:
            return ""
        worst = sorted(fixed, key=lambda name: (RANK.get(fixed[name], len(RANK)), name))
        listed = ", ".join(f"{name} ({fixed[name]})" for name in worst[:_SHOWN])
        more = f" and {len(worst) - _SHOWN} more" if len(worst) > _SHOWN else ""
        return f"{base} is fixed, and this still stands on an older one: {listed}{more}; rebuild it"

    def _seen(self, reference: str, seen: dict[str, _Seen | IronhullError]) -> _Seen:
        """An image of a registry with its open findings; each is looked at once."""
        if reference not in seen:
            try:
                seen[reference] = self._scanned(reference)
            except IronhullError as error:
                seen[reference] = error
        found = seen[reference]
        if isinstance(found, IronhullError):
            raise found
        return found

    def _scanned(self, reference: str) -> _Seen:
        machine, inventory = self._machine, inventory_of(self._machine, f"docker://{reference}")
        with Database(machine.home.advisories) as database:
            result = scan_inventory(machine, reference, inventory, database, ScanChoices())
        if result.verdict in ("stale", "unknown"):
            raise EnvironmentProblem(
                f"its vulnerabilities cannot be said ({result.verdict}): "
                + "; ".join(each.message for each in result.warnings[:2])
            )
        return _Seen(inventory, tuple(result.open))

    def _said_base(self, choice: ForeignChoice, inventory: Inventory) -> str:
        """What the image itself says that it stands on, if that is at a registry of the policy's.

        Anybody can write it: it must not send this machine to servers that nobody has named.
        """
        said = inventory.config.labels.get(BASE_NAME, "") or self._annotation(choice, inventory)
        try:
            host = named_host(said, choice.image)
        except InputError:
            return ""
        texts = [text for each in self._choices for text in (each.image, each.base) if text]
        return said if host in {Reference.parse(text).registry for text in texts} else ""

    def _annotation(self, choice: ForeignChoice, inventory: Inventory) -> str:
        if inventory.image.manifest is None:
            return ""
        with registries(self._machine) as opened:
            repository = opened.repository(Reference.parse(choice.image))
            said = repository.fetch_manifest(inventory.image.manifest).value.get("annotations")
        return str(said.get(BASE_NAME, "")) if isinstance(said, dict) else ""
