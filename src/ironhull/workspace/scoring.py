"""The hardening of an image in points."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime

from ironhull.advisories.database import Database
from ironhull.compare.declared import Declared, declared_in
from ironhull.compare.made import made_here
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.compare.score import Score, score_of
from ironhull.inventory.model import Inventory
from ironhull.scan.model import ScanResult
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices, asked, measured, opened_database
from ironhull.workspace.scanning import ScanChoices, inventory_of


def score(machine: Machine, image: str, chosen: MeasureChoices, command: str = "") -> Score:
    """The hardening of an image in points, each with its evidence; errors as for `compare`."""
    inventory = inventory_of(machine, image, chosen.platform)
    return score_known(machine, image, inventory, chosen.scan, command=command)


def score_known(
    machine: Machine,
    image: str,
    inventory: Inventory,
    chosen: ScanChoices,
    scan: ScanResult | None = None,
    command: str = "",
    advisories: Database | None = None,
) -> Score:
    """The same of an image whose inventory is at hand, and its scan if there is one.

    So may the advisories be, opened.
    """
    now = datetime.now(UTC)
    with nullcontext(advisories) if advisories else opened_database(machine) as database:
        side = measured(machine, image, inventory, database, chosen, scan=scan)
    made = made_here(machine.home, inventory.image)
    return score_of(side, _declared_about(machine, image, side), now, command, made)


def _declared_about(machine: Machine, image: str, side: MeasuredImage) -> Declared | Unknown:
    """What the image's maker says of it: annotations and provenance."""
    inventory, attached = side.inventory, side.attached
    labels = inventory.config.labels
    listed = () if isinstance(attached, Unknown) else attached
    found = asked(
        machine, image, inventory, lambda place: declared_in(place, inventory.image, labels, listed)
    )
    if isinstance(found, Unknown) and inventory.layers:
        return Declared(labels, (), (found.reason,))
    return found
