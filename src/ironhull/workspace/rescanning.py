"""Stored inventories against today's advisories, without the images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ironhull.advisories.database import Database
from ironhull.errors import InputError
from ironhull.scan.freshness import database_info
from ironhull.scan.interface import NoIndex
from ironhull.scan.model import DatabaseInfo
from ironhull.scan.rescan import ImageRescan
from ironhull.scan.rescan import rescan as rescan_stored
from ironhull.state.inventories import InventoryStore
from ironhull.state.ledger import Ledger
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine
from ironhull.workspace.scanning import allowed_age


@dataclass(frozen=True, slots=True)
class Rescan:
    """What a rescan says of the images that were asked for, and what it rests on."""

    images: tuple[ImageRescan, ...]
    database: DatabaseInfo


def rescan(machine: Machine, images: Sequence[str] = (), max_age: int | None = None) -> Rescan:
    """Match every stored inventory; what is given back is of these images, of all if none is named.

    What is new is said once, of every image, asked for or not. `max_age` is as in `ScanChoices`.
    InputError if an image has no stored inventory or there is no advisory database.
    """
    home = machine.home
    with Database(home.advisories) as database:
        store, ledger = InventoryStore(home.inventories), Ledger(home.reported)
        found = rescan_stored(store, database, ledger, NoIndex())
        info, _ = database_info(database, datetime.now(UTC), allowed_age(machine, max_age))
    unknown = sorted(set(images) - {each.image for each in found})
    if unknown:
        raise InputError(f"no inventory is stored of {', '.join(unknown)}")
    return Rescan(tuple(each for each in found if not images or each.image in images), info)
