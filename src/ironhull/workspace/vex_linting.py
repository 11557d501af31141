"""VEX documents checked: by themselves, and against what this machine's advisories say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ironhull.advisories.database import Database
from ironhull.errors import InputError
from ironhull.inventory.model import Inventory
from ironhull.scan.contradictions import Feeds
from ironhull.scan.matching import Options
from ironhull.state.inventories import InventoryStore
from ironhull.state.known import known_inventory
from ironhull.vex.lint import LintViolation, lint
from ironhull.vex.model import VexDocument
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class Linted:
    """What is wrong with documents, and how much of them was held against the feeds."""

    violations: tuple[LintViolation, ...]
    compared: int = 0
    left: int = 0
    """Packages that could not be matched."""
    reason: str = ""
    """Why nothing was held against the feeds."""


def lint_documents(machine: Machine, documents: Iterable[VexDocument]) -> Linted:
    """Every document whole; with advisories here, also what of it they contradict.

    Images that statements name by digest are known where their inventory is.
    """
    inventories = InventoryStore(machine.home.inventories)

    def known(digest: str) -> Inventory | None:
        found = inventories.get(digest)
        return found or known_inventory(machine.home, f"store:{digest}", None)

    age = machine.settings.max_advisory_age
    options = Options(now=datetime.now(UTC), max_age=age, evidence=False)
    found: list[LintViolation] = []
    try:
        database = Database(machine.home.advisories)
    except InputError as error:
        for document in documents:
            found += lint(document)
        return Linted(tuple(found), reason=str(error))
    compared = left = 0
    with database:
        feeds = Feeds(database, known, options)
        for document in documents:
            against = feeds.compare(document)
            found += [*lint(document), *against.violations]
            compared, left = compared + against.compared, left + against.left
    return Linted(tuple(found), compared, left)
