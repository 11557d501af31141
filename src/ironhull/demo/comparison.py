"""The end of the demonstration: its images side by side, as `ironhull compare` shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ironhull.advisories.database import Database
from ironhull.compare.compare import compare
from ironhull.compare.model import Comparison, MeasuredImage
from ironhull.demo.cases import CASES, DEVELOPMENT, RUNTIME, STANDARD
from ironhull.demo.demonstrate import Demonstration, Seen
from ironhull.demo.snapshot import NOTE, snapshot_database
from ironhull.progress import Silent
from ironhull.scan.model import Caveat, ScanResult
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import measured, opened_database
from ironhull.workspace.scanning import ScanChoices


def comparison_of(
    machine: Machine, found: Demonstration, commands: Sequence[str] = ()
) -> Comparison:
    """The applications against the standard one; the base images where none was built.

    Without an advisory database vulnerabilities are counted by the snapshot that comes with it.
    """
    with opened_database(machine) as database:
        if isinstance(database, Database):
            sides = _measured(machine, found, database, ScanChoices())
            return compare(sides, datetime.now(UTC), commands)
    with snapshot_database() as snapshot:
        sides = _measured(machine, found, snapshot, ScanChoices(max_age=0))
    return compare([_noted(side) for side in sides], datetime.now(UTC), commands)


def _measured(
    machine: Machine, found: Demonstration, database: Database, chosen: ScanChoices
) -> list[MeasuredImage]:
    quiet = replace(machine, progress=Silent())
    return [
        measured(quiet, each.inventory.image.name, each.inventory, database, chosen, each.leaks)
        for each in _images(found)
    ]


def _noted(side: MeasuredImage) -> MeasuredImage:
    """With the note that its advisories are the snapshot's."""
    scan = side.scan
    if not isinstance(scan, ScanResult):
        return side
    told = Caveat("stale", "database", f"of {scan.database.date[:10]}: {NOTE}")
    warnings = (*(each for each in scan.warnings if each.kind != "stale"), told)
    database = replace(scan.database, note=NOTE)
    return replace(side, scan=replace(scan, database=database, warnings=warnings))


def _images(found: Demonstration) -> Iterator[Seen]:
    for case, seen in zip(CASES, found.seen, strict=False):
        image = replace(seen.inventory.image, name=f"node-app ({case.name})")
        yield Seen(replace(seen.inventory, image=image), seen.leaks)
    if not found.seen:
        for name in (STANDARD, DEVELOPMENT, RUNTIME):
            yield Seen(found.bases[name], None)
