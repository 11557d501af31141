"""What rules ask of a machine about what is in a verified image: files, vulnerabilities, dates.

Each answer is of exactly the manifest that was verified: where a name may mean another image by
now, what is read is compared with its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.inventory.document import loads
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest
from ironhull.registry.client.naming import Kind, find_location
from ironhull.scan.model import ScanResult
from ironhull.state.inventories import InventoryStore
from ironhull.verify.evidence import Subject
from ironhull.verify.facts import Unknown
from ironhull.vex.model import VexDocument
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class MachineImageFacts:
    """The facts of one image, each inventory read once."""

    machine: Machine
    reference: str
    inventories: Mapping[Digest, Path]
    """As `MachineFacts.inventories`."""
    known: dict[Digest, Inventory | Unknown] = field(default_factory=dict)
    """By manifest."""

    def inventory(self, subject: Subject) -> Inventory | Unknown:
        """As `ImageFacts.inventory`."""
        found = self.known.get(subject.digest)
        if found is None:
            try:
                found = self._inventory(subject)
            except (InputError, EnvironmentProblem) as error:
                found = Unknown(f"it cannot be read: {error}")
            self.known[subject.digest] = found
        return found

    def _inventory(self, subject: Subject) -> Inventory | Unknown:
        given = self.inventories.get(subject.digest)
        if given is not None:
            try:
                read = loads(given.read_bytes(), str(given))
            except OSError as error:
                return Unknown(f"cannot read {given}: {error.strerror}")
            return replace(read, image=replace(read.image, name=str(given)))
        known = InventoryStore(self.machine.home.inventories).get(subject.digest)
        if known is not None:
            return replace(known, image=replace(known.image, name=self.reference))
        # What reads layers, here and from registries and engines.
        from ironhull.workspace.examining import inventory

        location, text = find_location(self.reference), self.reference
        if location.kind is Kind.REGISTRY and location.reference is not None:
            named = location.reference
            text = f"{named.registry}/{named.repository}@{subject.digest}"
        platform = None if "@" in text else subject.platform
        found = inventory(self.machine, text, platform)
        if found.image.manifest != subject.digest:
            return Unknown(f"{self.reference} means another image by now ({found.image.manifest})")
        return found

    def scan(self, subject: Subject, documents: Sequence[VexDocument]) -> ScanResult | Unknown:
        """As `ImageFacts.scan`."""
        inventory = self.inventory(subject)
        if isinstance(inventory, Unknown):
            return inventory
        # Only a policy with limits needs what matches, and what applies VEX.
        from ironhull.advisories.database import Database
        from ironhull.workspace.scan_vex import with_documents
        from ironhull.workspace.scanning import ScanChoices, scan_inventory

        try:
            with Database(self.machine.home.advisories) as database:
                result = scan_inventory(
                    self.machine, self.reference, inventory, database, ScanChoices()
                )
                return with_documents(result, inventory, database, documents)
        except InputError as error:
            return Unknown(str(error))

    def ends_of_life(self, subject: Subject) -> Sequence[tuple[str, str]] | Unknown:
        """As `ImageFacts.ends_of_life`; without runtimes that the distribution goes on fixing."""
        inventory = self.inventory(subject)
        if isinstance(inventory, Unknown):
            return inventory
        # It loads what compares images.
        from ironhull.advisories.database import Database
        from ironhull.compare.life import ends_of_life

        try:
            with Database(self.machine.home.advisories) as database:
                found = ends_of_life(inventory, database)
        except InputError as error:
            return Unknown(str(error))
        return [
            (each.subject, max(each.ends, each.long_term))
            for each in found
            if not (each.ends and each.note)
        ]
