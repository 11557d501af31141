"""Why a scan says what it says of one vulnerability."""

from __future__ import annotations

from ironhull.oci.platform import Platform
from ironhull.scan.explain import Explanation
from ironhull.scan.explain import explain as explain_one
from ironhull.scan.target import target_of
from ironhull.workspace.machine import Machine
from ironhull.workspace.scanning import (
    ScanChoices,
    advisories_for,
    inventory_of,
    scan_inventory,
)


def explain(
    machine: Machine,
    vulnerability: str,
    image: str,
    chosen: ScanChoices,
    platform: Platform | None = None,
) -> Explanation:
    """Why a vulnerability is or is not reported for an image; errors as for `scan`."""
    with advisories_for(machine, image, platform) as database:
        inventory = inventory_of(machine, image, platform)
        result = scan_inventory(machine, image, inventory, database, chosen)
        target = target_of(inventory, database.ecosystems)
        return explain_one(vulnerability, inventory, result, database, target)
