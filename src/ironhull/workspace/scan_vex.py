"""VEX that a scan applies: documents that are named, and those attached to the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.inventory.model import Inventory
from ironhull.scan.about import ImageProduct
from ironhull.scan.model import ScanResult
from ironhull.scan.triage import apply_vex
from ironhull.vex.attached import attached_vex
from ironhull.vex.model import VexDocument
from ironhull.vex.purl import Surroundings
from ironhull.vex.reading import read_vex
from ironhull.workspace.machine import Machine


def with_vex(
    machine: Machine,
    result: ScanResult,
    inventory: Inventory,
    database: Database,
    places: Sequence[Path],
    attached_to: str | None,
    *,
    unchecked: bool,
) -> ScanResult:
    """The result with the documents at `places`, and those attached to an image, applied."""
    documents = [document for place in places for document in read_vex(place)]
    if attached_to is not None:
        documents += _attached(machine, attached_to, inventory)
    return with_documents(result, inventory, database, documents, unchecked=unchecked)


def with_own_fixes(
    machine: Machine, result: ScanResult, inventory: Inventory, database: Database
) -> ScanResult:
    """The result with what this machine said of the packages that it patched itself.

    A document about packages that are not in this image is no remark: there is one for each build.
    """
    folder = machine.home.own_fixes / "vex"
    if not folder.is_dir():
        return result
    said = with_documents(result, inventory, database, list(read_vex(folder)))
    return replace(said, warnings=result.warnings)


def with_documents(
    result: ScanResult,
    inventory: Inventory,
    database: Database,
    documents: Sequence[VexDocument],
    *,
    unchecked: bool = False,
) -> ScanResult:
    """The result with documents applied that are at hand."""
    image = inventory.image
    digests = frozenset(filter(None, (image.digest, image.manifest, image.config)))
    identifiers = {finding.id for finding in result.findings}
    aliases = {stored.record.id: stored.record.aliases for stored in database.records(identifiers)}
    platform = image.platform
    place = Surroundings(
        inventory.distribution.label, "" if platform is None else platform.architecture
    )
    product = ImageProduct(image.name, digests, place)
    return apply_vex(result, documents, product, aliases, unchecked=unchecked)


def _attached(machine: Machine, image: str, inventory: Inventory) -> list[VexDocument]:
    # The network: only where something is to be asked.
    from ironhull.registry.client.locations import open_source
    from ironhull.registry.client.naming import find_location
    from ironhull.workspace.registries import registries

    # The inventory has read an archive's layers; what is attached says itself what it is about.
    wanted = [each for each in (inventory.image.digest, inventory.image.manifest) if each]
    with (
        registries(machine) as opened,
        open_source(find_location(image), opened, machine.home.store, believing=True) as source,
    ):
        return attached_vex(source, wanted, source.label)
