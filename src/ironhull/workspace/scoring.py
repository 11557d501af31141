"""The hardening of an image in points."""

from __future__ import annotations

from datetime import UTC, datetime

from ironhull.compare.declared import Declared, declared_in
from ironhull.compare.made import made_here
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.compare.score import Score, score_of
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices, asked, measured, opened_database
from ironhull.workspace.scanning import inventory_of


def score(machine: Machine, image: str, chosen: MeasureChoices, command: str = "") -> Score:
    """The hardening of an image in points, each with its evidence; errors as for `compare`."""
    now = datetime.now(UTC)
    with opened_database(machine) as database:
        inventory = inventory_of(machine, image, chosen.platform)
        side = measured(machine, image, inventory, database, chosen.scan)
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
