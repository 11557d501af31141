"""What a scan and its evidence say of an image, as VEX for others to use."""

from __future__ import annotations

from ironhull.advisories.database import Database
from ironhull.errors import CheckFailedError
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.scan.model import ScanResult
from ironhull.scan.policy import stale
from ironhull.scan.statements import not_affected, openvex, statements_of
from ironhull.vex.bom_link import write_bom_vex
from ironhull.vex.reading import parse_vex
from ironhull.workspace.machine import Machine
from ironhull.workspace.scanning import (
    ScanChoices,
    advisories_for,
    inventory_of,
    scan_inventory,
)


def vex_of(
    machine: Machine, image: str, chosen: ScanChoices, platform: Platform | None = None
) -> str:
    """An OpenVEX document about an image, each statement with its evidence; errors as `scan`.

    CheckFailedError where the advisories are too old: who reads the document would not know.
    """
    with advisories_for(machine, image, platform) as database:
        inventory = inventory_of(machine, image, platform)
        result = scan_inventory(machine, image, inventory, database, chosen)
        return said_in(result, inventory, database)


def bom_vex_of(
    machine: Machine,
    image: str,
    bill: bytes,
    chosen: ScanChoices,
    platform: Platform | None = None,
) -> str:
    """The same as CycloneDX VEX about the components of a CycloneDX bill; errors as `vex_of`.

    MalformedError for what is no such bill.
    """
    said = parse_vex(vex_of(machine, image, chosen, platform).encode(), image)
    return write_bom_vex(said.statements, bill, said.timestamp)


def said_in(result: ScanResult, inventory: Inventory, database: Database) -> str:
    """The same of a scan that is at hand."""
    too_old = stale(result)
    if too_old:
        raise CheckFailedError(f"{result.image}: {'; '.join(too_old)}")
    said = statements_of(result, result.findings)
    said += not_affected(inventory, result, database)
    return openvex(result, said)
