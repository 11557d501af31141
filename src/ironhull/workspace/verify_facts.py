"""What rules ask of a machine about one verified image: its files, advisories, dates.

Each answer is of exactly the manifest that was verified: where a name may mean another image by
now, what is read is compared with its digest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ironhull.attest.listing import ImagePlace
from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.registry.client.naming import Kind, find_location
from ironhull.scan.model import ScanResult
from ironhull.verify.evidence import Evidence, Subject
from ironhull.verify.facts import Unknown
from ironhull.verify.rebuilders import Link, read_links, rebuilds
from ironhull.verify.trust import Trust
from ironhull.vex.model import VexDocument
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """The facts of one image in one place, each worked out once, and only if it is asked for."""

    machine: Machine
    reference: str
    place: ImagePlace
    inventories: dict[Digest, Inventory | Unknown] = field(default_factory=dict)
    """By manifest; filled before, they are believed (`policy test`)."""
    trust: Trust | None = None
    """Whose record of publications counts."""
    rebuilds: Sequence[Path] = ()
    """Attestations of rebuilders, or folders of them."""
    _configs: dict[Digest, Mapping[str, Any]] = field(default_factory=dict)

    def config(self, subject: Subject) -> Mapping[str, Any]:
        """As `Facts.config`."""
        found = self._configs.get(subject.digest)
        if found is None:
            descriptor = subject.document.config
            if descriptor.size > MAX_DOCUMENT:
                raise MalformedError(f"config {descriptor.digest} of {descriptor.size} bytes")
            found = Document.parse(self.place.read(descriptor)).value
            self._configs[subject.digest] = found
        return found

    def inventory(self, subject: Subject) -> Inventory | Unknown:
        """As `Facts.inventory`."""
        found = self.inventories.get(subject.digest)
        if found is None:
            try:
                found = self._inventory(subject)
            except (InputError, EnvironmentProblem) as error:
                found = Unknown(f"it cannot be read: {error}")
            self.inventories[subject.digest] = found
        return found

    def _inventory(self, subject: Subject) -> Inventory | Unknown:
        # What reads inventories and layers: most policies ask for neither.
        from ironhull.state.inventories import InventoryStore

        known = InventoryStore(self.machine.home.inventories).get(subject.digest)
        if known is not None:
            return replace(known, image=replace(known.image, name=self.reference))
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
        """As `Facts.scan`."""
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
        """As `Facts.ends_of_life`; a runtime that its distribution goes on fixing is left out."""
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

    def epss_model(self) -> str | Unknown:
        """As `Facts.epss_model`."""
        from ironhull.advisories.database import Database  # as above

        try:
            with Database(self.machine.home.advisories) as database:
                return database.epss_model or Unknown(
                    "the database does not say of which model its EPSS scores are"
                )
        except InputError as error:
            return Unknown(str(error))

    def rebuilt(
        self, digests: Collection[str], rebuilders: Collection[str], attached: Collection[Link]
    ) -> Mapping[str, frozenset[str]] | Unknown:
        """As `Facts.rebuilt`."""
        if not self.rebuilds and not attached:
            return Unknown(
                "no attestations of rebuilders were given (--rebuilders), and none are attached"
            )
        believed = self.trust.believed if self.trust is not None else ()
        keys = [key.public for key in believed if key.public.fingerprint in rebuilders]
        found = rebuilds((*read_links(self.rebuilds), *attached), keys)
        return {digest: found[digest] for digest in digests if digest in found}

    def older_than_seen(self, evidence: Evidence) -> str | Unknown:
        """As `Facts.older_than_seen`: by the record of the image's repository."""
        if self.trust is None:
            return Unknown("nobody said whose record of publications is believed")
        # It asks the registry, which most policies do not.
        from ironhull.workspace.standing import older_than_seen

        try:
            return older_than_seen(self.machine, self.reference, evidence.root.digest, self.trust)
        except (InputError, EnvironmentProblem) as error:
            return Unknown(str(error))
