"""Images measured and compared: inventory, scan, what is attached, what the build left.

Known images cost no more than a look into the store; what reads images or asks registries is
imported only where it is needed, as in `scanning`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TypeVar

from ironhull.advisories.database import Database
from ironhull.attest.listing import Attachment, ImagePlace, LayoutPlace, attached_to
from ironhull.compare.compare import compare as compare_images
from ironhull.compare.leaks import Leaks
from ironhull.compare.life import ends_of_life
from ironhull.compare.model import Comparison, EndOfLife, MeasuredImage, Unknown
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.progress import Silent
from ironhull.scan.model import ScanResult
from ironhull.state.known import known_inventory
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine
from ironhull.workspace.scanning import ScanChoices, inventory_of, scan_inventory

_WITHOUT_REFERRERS = {
    "engine": "a container engine keeps no referrers; name the image in its registry",
    "rootfs": "nothing refers to a folder",
}


@dataclass(frozen=True, slots=True)
class MeasureChoices:
    """What measuring may be told besides the images."""

    scan: ScanChoices = field(default_factory=ScanChoices)
    platform: Platform | None = None
    leaks: bool = False
    """Look for what the build left behind."""
    build_stage: str | None = None
    """The image of the build stage, to prove that nothing of it is left (with `leaks`)."""


def compare(
    machine: Machine,
    baseline: str,
    images: Sequence[str],
    chosen: MeasureChoices,
    commands: Sequence[str] = (),
) -> Comparison:
    """The baseline against each of the images; an image is what `scanning.scan` takes.

    What cannot be measured is Unknown with its reason. `commands` are what a reader runs to get
    the same. InputError for an image that nothing knows, or for too many.
    """
    names = (baseline, *images)
    sides = []
    with opened_database(machine) as database:
        for number, inventory in enumerate(inventories_of(machine, names, chosen.platform)):
            leaks = None
            if chosen.leaks:
                # The stage is of the images that were built with it, not of the baseline.
                leaks = _leaks(machine, inventory, chosen, chosen.build_stage if number else None)
            sides.append(measured(machine, names[number], inventory, database, chosen.scan, leaks))
    return compare_images(sides, datetime.now(UTC), commands)


@contextmanager
def opened_database(machine: Machine) -> Iterator[Database | Unknown]:
    """The advisory database; Unknown where there is none."""
    try:
        database = Database(machine.home.advisories)
    except InputError as error:
        yield Unknown(str(error))
        return
    with database:
        yield database


def measured(
    machine: Machine,
    image: str,
    inventory: Inventory,
    database: Database | Unknown,
    chosen: ScanChoices,
    leaks: Leaks | None = None,
    *,
    scan: ScanResult | None = None,
) -> MeasuredImage:
    """An image whose inventory is at hand; `image` is where what is attached is looked for.

    `scan` is what was found in it just before, with the same choices.
    """
    life: tuple[EndOfLife, ...] | Unknown
    life = database if isinstance(database, Unknown) else ends_of_life(inventory, database)
    return MeasuredImage(
        inventory=inventory,
        scan=scan or _scan(machine, image, inventory, database, chosen),
        attached=_attached(machine, image, inventory),
        end_of_life=life,
        leaks=leaks,
    )


# -- inventories ---------------------------------------------------------------------------------


def inventories_of(
    machine: Machine, images: Sequence[str], platform: Platform | None
) -> list[Inventory]:
    """The inventory of each image; those that have to be read are read at the same time.

    Reading is mostly Python's own work, so a process for each. An error is the first image's.
    """
    found = {image: known_inventory(machine.home, image, platform) for image in images}
    missing = [
        image for image, known in found.items() if known is None and not image.endswith(".json")
    ]
    workers = min(len(missing), len(os.sched_getaffinity(0)))
    # A fork of a process with threads may hang; the command line has none until an image is read.
    if workers > 1 and threading.active_count() == 1:
        found |= _read_together(machine, missing, platform, workers)
    return [found[image] or inventory_of(machine, image, platform) for image in images]


def _read_together(
    machine: Machine, images: Sequence[str], platform: Platform | None, workers: int
) -> dict[str, Inventory]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, get_context("fork"), _as_a_child, (machine,)) as pool:
        futures = {image: pool.submit(_read, image, platform) for image in images}
        return {image: future.result() for image, future in futures.items()}


class _Child:
    """What a reading process was given; a machine is inherited, for its progress cannot be sent."""

    machine: Machine


def _as_a_child(machine: Machine) -> None:
    """Ctrl-C is for the parent, which ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Child.machine = machine


def _read(image: str, platform: Platform | None) -> Inventory:
    return inventory_of(_Child.machine, image, platform)


# -- the parts of a measured image ---------------------------------------------------------------


def _scan(
    machine: Machine,
    image: str,
    inventory: Inventory,
    database: Database | Unknown,
    chosen: ScanChoices,
) -> ScanResult | Unknown:
    if isinstance(database, Unknown):
        return database
    try:
        return scan_inventory(machine, image, inventory, database, chosen)
    except InputError as error:
        # No advisories for such an image: everything else of it can still be compared.
        if chosen.vex or chosen.exceptions is not None:
            raise
        return Unknown(str(error))


def _attached(
    machine: Machine, image: str, inventory: Inventory
) -> tuple[Attachment, ...] | Unknown:
    identity = inventory.image
    digests = [each for each in (identity.digest, identity.manifest) if each]
    return asked(machine, image, inventory, lambda place: attached_to(place, digests))


_Answer = TypeVar("_Answer")


def asked(
    machine: Machine, image: str, inventory: Inventory, ask: Callable[[ImagePlace], _Answer]
) -> _Answer | Unknown:
    """The answer of the place where the image is; Unknown where nobody can be asked."""
    identity = inventory.image
    if identity.kind in _WITHOUT_REFERRERS:
        return Unknown(_WITHOUT_REFERRERS[identity.kind])
    if image.endswith(".json"):
        return Unknown("a stored inventory lists no referrers")
    try:
        if identity.kind == "store":
            root = identity.digest or identity.manifest
            if root is None:
                raise InputError(f"{identity.name} has no digest")
            return ask(LayoutPlace(machine.home.existing_store, root))
        with _source(machine, image) as source:
            return ask(source)
    except (InputError, EnvironmentProblem) as error:
        return Unknown(str(error))


@contextmanager
def _source(machine: Machine, image: str) -> Iterator[ImagePlace]:
    from ironhull.registry.client.locations import open_source
    from ironhull.registry.client.naming import find_location
    from ironhull.workspace.registries import registries

    # Asked is what refers to the image, and no layer: the inventory has compared their digests.
    with (
        registries(replace(machine, progress=Silent())) as opened,
        open_source(find_location(image), opened, machine.home.store, believing=True) as source,
    ):
        yield source


def _leaks(
    machine: Machine, inventory: Inventory, chosen: MeasureChoices, stage: str | None
) -> Leaks:
    from ironhull.compare.files import contents_of
    from ironhull.compare.leaks import find_leaks
    from ironhull.workspace.examining import opened_taker

    with opened_taker(machine) as taker:
        contents = contents_of(taker, inventory, chosen.platform)
        of_stage = None
        if stage is not None:
            other = inventory_of(machine, stage, chosen.platform)
            of_stage = contents_of(taker, other, chosen.platform)
    return find_leaks(contents, of_stage)
