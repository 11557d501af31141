"""What rules ask of a machine about one verified image: its configuration, and what others know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironhull.attest.listing import ImagePlace
from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.verify.evidence import Evidence, Subject
from ironhull.verify.facts import Unknown
from ironhull.verify.rebuilders import Link, read_links, rebuilds
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """The facts of one image in one place, each worked out once, and only if it is asked for."""

    machine: Machine
    reference: str
    place: ImagePlace
    inventories: Mapping[Digest, Path] = field(default_factory=dict)
    """Files of what is in manifests, which are believed (`policy test`)."""
    trust: Trust | None = None
    """Whose record of publications counts."""
    rebuilds: Sequence[Path] = ()
    """Attestations of rebuilders, or folders of them."""
    _configs: dict[Digest, Mapping[str, Any]] = field(default_factory=dict)
    _image_facts: list[object] = field(default_factory=list)

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

    def image_facts(self) -> object:
        """As `Facts.image_facts`, one for all rules."""
        if not self._image_facts:
            # What reads inventories, layers and advisories: most policies ask for none of it.
            from ironhull.workspace.verify_image_facts import MachineImageFacts

            made = MachineImageFacts(self.machine, self.reference, self.inventories)
            self._image_facts.append(made)
        return self._image_facts[0]

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
