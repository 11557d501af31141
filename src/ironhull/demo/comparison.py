"""The end of the demonstration: its images side by side, as `ironhull compare` shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ironhull.compare.compare import compare
from ironhull.compare.model import Comparison
from ironhull.demo.cases import CASES, DEVELOPMENT, RUNTIME, STANDARD
from ironhull.demo.demonstrate import Demonstration, Seen
from ironhull.progress import Silent
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import measured, opened_database
from ironhull.workspace.scanning import ScanChoices


def comparison_of(
    machine: Machine, found: Demonstration, commands: Sequence[str] = ()
) -> Comparison:
    """The applications against the standard one; the base images where none was built."""
    quiet = replace(machine, progress=Silent())
    with opened_database(machine) as database:
        sides = [
            measured(
                quiet,
                each.inventory.image.name,
                each.inventory,
                database,
                ScanChoices(),
                each.leaks,
            )
            for each in _images(found)
        ]
    return compare(sides, datetime.now(UTC), commands)


def _images(found: Demonstration) -> Iterator[Seen]:
    for case, seen in zip(CASES, found.seen, strict=False):
        image = replace(seen.inventory.image, name=f"node-app ({case.name})")
        yield Seen(replace(seen.inventory, image=image), seen.leaks)
    if not found.seen:
        for name in (STANDARD, DEVELOPMENT, RUNTIME):
            yield Seen(found.bases[name], None)
