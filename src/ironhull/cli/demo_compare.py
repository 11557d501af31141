"""The end of `ironhull demo`: its images in a report of `ironhull compare`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ironhull.cli.compare import format_of, write_report
from ironhull.cli.measure import opened_database, side_of
from ironhull.cli.scan import Image, Scanning
from ironhull.compare.compare import compare
from ironhull.compare.files import contents_of
from ironhull.compare.leaks import Leaks, find_leaks
from ironhull.demo.cases import DEVELOPMENT, RUNTIME, STANDARD
from ironhull.errors import IronhullError
from ironhull.inventory.model import Inventory
from ironhull.inventory.take import Taker


@dataclass
class Witness:
    """Takes inventories for the demo, and keeps what the report needs of images that will go."""

    taker: Taker
    seen: dict[str, tuple[Inventory, Leaks | None]] = field(default_factory=dict)

    def take(self, image: str) -> Inventory:
        """The inventory of an image, which the report will have as well."""
        inventory = self.taker.take(image)
        leaks = None
        # The demo goes on without them: the report then says that they were not looked for.
        with suppress(IronhullError):
            leaks = find_leaks(contents_of(self.taker, inventory))
        self.seen[image] = inventory, leaks
        return inventory


def write_demo_report(
    bases: Mapping[str, Inventory], witness: Witness, names: Iterable[str], output: Path
) -> None:
    """The applications side by side, the standard one as the baseline.

    `bases` are compared in their place where no application was built.
    `names` are the applications' own, in the order in which they were looked into.
    """
    found: list[tuple[Inventory, Leaks | None]] = [
        (replace(inventory, image=replace(inventory.image, name=f"node-app ({name})")), leaks)
        for name, (inventory, leaks) in zip(names, witness.seen.values(), strict=False)
    ] or [(bases[name], None) for name in (STANDARD, DEVELOPMENT, RUNTIME)]
    with opened_database() as database:
        sides = [
            side_of(
                Image(inventory.image.name, None, False, None, True),
                inventory,
                database,
                Scanning(),
                leaks,
            )
            for inventory, leaks in found
        ]
    comparison = compare(sides, datetime.now(UTC), [f"ironhull demo --report {output.name}"])
    write_report(comparison, format_of(output), output)
