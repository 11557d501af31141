"""Until when someone fixes what an image consists of, by the dates of the advisory database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ironhull.advisories.database import Database
from ironhull.advisories.model import Cycle
from ironhull.compare.model import EndOfLife
from ironhull.inventory.model import Inventory
from ironhull.scan.support import PRODUCTS

_DISTRIBUTIONS = {"debian": "debian", "alpine": "alpine-linux"}
_EPOCH = re.compile(r"^\d+:")
_PYTHON = re.compile(r"python3\.\d+")


def ends_of_life(inventory: Inventory, database: Database) -> tuple[EndOfLife, ...]:
    """The distribution's end first, then that of each runtime's line."""
    found = [*_distribution(inventory, database), *_runtimes(inventory, database)]
    return tuple(dict.fromkeys(found))


def _distribution(inventory: Inventory, database: Database) -> Iterator[EndOfLife]:
    distribution = inventory.distribution
    product = _DISTRIBUTIONS.get(distribution.id)
    if product is None:
        subject = distribution.label or "distribution"
        reason = distribution.reason or "its dates are not in the database"
        yield EndOfLife(subject, "", note=reason)
        return
    subject = f"{distribution.id} {distribution.version_id}".strip()
    cycle = _cycle(database.cycles(product), distribution.version_id)
    if cycle is None or not cycle.eol:
        yield EndOfLife(subject, "", note="its dates are not in the database")
    else:
        yield EndOfLife(subject, cycle.eol, cycle.lts)


def _runtimes(inventory: Inventory, database: Database) -> Iterator[EndOfLife]:
    for package in inventory.packages:
        name = "python" if _PYTHON.fullmatch(package.name) else package.name
        product = PRODUCTS.get(name)
        if product is None or package.type not in ("deb", "apk", "binary"):
            continue
        version = _EPOCH.sub("", package.version)
        cycle = _cycle(database.cycles(product), version)
        if cycle is None or not cycle.eol:
            continue
        note = ""
        if package.is_distribution:
            note = f"the upstream line; {inventory.distribution.id} goes on fixing its package"
        yield EndOfLife(f"{product} {cycle.cycle}", cycle.eol, cycle.lts, note)


def _cycle(cycles: tuple[Cycle, ...] | list[Cycle], version: str) -> Cycle | None:
    fitting = [
        cycle
        for cycle in cycles
        if version == cycle.cycle or re.match(rf"{re.escape(cycle.cycle)}[.~+-]", version)
    ]
    return max(fitting, key=lambda cycle: (len(cycle.cycle), cycle.lts), default=None)
