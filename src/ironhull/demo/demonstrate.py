"""The whole demonstration: base images, then, where an engine runs, the case study."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ironhull.compare.files import contents_of
from ironhull.compare.leaks import Leaks, find_leaks
from ironhull.demo.cases import IMAGES
from ironhull.demo.model import CaseStudy
from ironhull.demo.run import Workplace, study
from ironhull.errors import IronhullError
from ironhull.inventory.model import Inventory
from ironhull.inventory.take import Taker
from ironhull.progress import Silent
from ironhull.store.choice import machine_platform
from ironhull.workspace.engines import machine_host
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.machine import Machine
from ironhull.workspace.stand_ins import build_missing
from ironhull.workspace.surroundings import registries_asked, working_engine

_INVENTORY_NAMES = {"podman": "podman", "docker": "docker-daemon", "sandbox": "store"}


@dataclass(frozen=True, slots=True)
class DemoChoices:
    """What the demonstration may be told."""

    application: Path
    """The folder with the three Dockerfiles."""
    engine: str | None = None
    """None: the first of podman, docker and sandbox that works, or none."""
    keep: bool = False
    """Leave the applications' images in the engine."""
    own: bool = False
    """Take Ironhull's images for every FROM; ask no registry."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of an application's image, which is gone afterwards."""

    inventory: Inventory
    leaks: Leaks | None
    """None: they could not be looked for."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """All that was found; without a study `left_out` says why."""

    bases: Mapping[str, Inventory]
    """Inventories of `cases.IMAGES`."""
    study: CaseStudy | None
    left_out: str
    kept: bool
    seconds: float
    seen: tuple[Seen, ...] = ()
    """The applications' images, in the order of `cases.CASES`."""


def demonstrate(
    machine: Machine,
    chosen: DemoChoices,
    undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Demonstration:
    """Build what the store lacks, take inventories, and do what an engine is needed for.

    `undisturbed` keeps further interrupts from the cleaning up. EngineError if an engine that was
    asked for does not work, or if a build, a start or a request fails.
    """
    began = time.monotonic()
    build_missing(machine, IMAGES)
    with opened_taker(replace(machine, progress=Silent())) as taker:
        bases = {name: taker.take(name, machine_platform()) for name in IMAGES}
        # What is gone in a minute is not to be scanned again for ever.
        witness = _Witness(replace(taker, stored=None))
        done, problem = _with_engine(machine, chosen, witness, undisturbed)
    seconds = time.monotonic() - began
    return Demonstration(bases, done, problem, chosen.keep, seconds, tuple(witness.seen))


@dataclass
class _Witness:
    """Takes inventories, and keeps what is to be reported of images that will go."""

    taker: Taker
    seen: list[Seen] = field(default_factory=list)

    def take(self, image: str) -> Inventory:
        """The inventory of an image, which the report will have as well."""
        inventory = self.taker.take(image)
        leaks = None
        # The demo goes on without them: the report then says that they were not looked for.
        with suppress(IronhullError):
            leaks = find_leaks(contents_of(self.taker, inventory))
        self.seen.append(Seen(inventory, leaks))
        return inventory


def _with_engine(
    machine: Machine,
    chosen: DemoChoices,
    witness: _Witness,
    undisturbed: Callable[[], AbstractContextManager[None]],
) -> tuple[CaseStudy | None, str]:
    """All that needs an engine; without one, why there is none."""
    found, problem = working_engine(machine, chosen.engine)
    if found is None:
        return None, problem
    kind = _INVENTORY_NAMES[found.name]
    with registries_asked(machine, chosen.own) as missing, machine_host(machine) as host:
        place = Workplace(
            engine=found,
            store=machine.home.store,
            application=chosen.application,
            host=host,
            inventory=lambda image: witness.take(f"{kind}:{image}"),
            missing=missing,
            progress=machine.progress,
            keep=chosen.keep,
            undisturbed=undisturbed,
        )
        return study(place), ""
