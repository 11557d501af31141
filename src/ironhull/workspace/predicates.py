"""What can be said of one platform's image, kind by kind: the predicate, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property

from ironhull.advisories.database import Database
from ironhull.build.built import BuiltPlatform, built_image
from ironhull.build.compression import Compression
from ironhull.build.origins import read_origins
from ironhull.build.recipe import Recipe, remembered_recipe
from ironhull.build.testing_document import remembered_tests
from ironhull.compare.reports.score import score_json
from ironhull.errors import CheckFailedError, InputError
from ironhull.inventory.model import Inventory
from ironhull.lock.file import parse_lock
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Platform
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.model import Bill
from ironhull.sbom.spdx import spdx
from ironhull.scan.model import ScanResult
from ironhull.statements import kinds, results
from ironhull.statements.provenance import provenance
from ironhull.workspace.machine import Machine
from ironhull.workspace.rebuilders import Rebuilders
from ironhull.workspace.sbom import bill_of
from ironhull.workspace.scanning import ScanChoices, inventory_of, scan_inventory
from ironhull.workspace.scoring import score_known
from ironhull.workspace.vex_document import said_in


class Unsaid(Exception):
    """A statement that cannot be made; the text is the reason."""


@dataclass(frozen=True, slots=True)
class LookedInto:
    """What somebody knows of one platform's image already, so that it is not worked out again.

    All by the name that the image is attested by, and with the choices that `attest` has.
    """

    inventory: Inventory
    bill: Bill
    scan: ScanResult | None = None
    more: Mapping[str, bytes] = field(default_factory=dict)
    """What else is said of this platform, by type: JSON objects."""


@dataclass(frozen=True)
class AttestedPlatform:
    """One platform's image of which statements are made, and what they are made from.

    What is costly is worked out once, when the first statement needs it.
    """

    machine: Machine
    name: str
    """As `inventory_of` takes it."""
    index: Descriptor
    manifest: Descriptor
    platform: Platform | None
    scan: ScanChoices = field(default_factory=ScanChoices)
    rebuilders: Rebuilders | None = None
    """Whose attestations count; None: nobody said."""
    known: LookedInto | None = None
    """Of this very manifest."""
    advisories: Database | None = None
    """Open for as long as statements are made; None: opened for each that needs them."""

    @cached_property
    def inventory(self) -> Inventory:
        """What is in the image; InputError if the name means another image by now."""
        if self.known is not None:
            return self.known.inventory
        found = inventory_of(self.machine, self.name, self.platform)
        if found.image.manifest not in (None, self.manifest.digest):
            raise InputError(f"{self.name} was moved to another image meanwhile; attest it again")
        return found

    @cached_property
    def bill(self) -> Bill:
        """What it consists of, file by file."""
        if self.known is not None:
            return self.known.bill
        found = bill_of(self.machine, self.name, self.platform)
        if found.manifest not in (None, self.manifest.digest):
            raise InputError(f"{self.name} was moved to another image meanwhile; attest it again")
        return found

    @cached_property
    def built(self) -> BuiltPlatform:
        """What the build remembers of it; Unsaid for an image from elsewhere."""
        image = built_image(self.machine.home, hex_of(self.index.digest))
        for each in image.platforms if image else ():
            if each.digest == self.manifest.digest:
                return each
        raise Unsaid("it was not built here")

    @cached_property
    def recipe(self) -> tuple[Recipe, str]:
        """Definition and lock, and the key of what went in."""
        image = built_image(self.machine.home, hex_of(self.index.digest))
        recipe = remembered_recipe(self.machine.home, image.inputs) if image else None
        if image is None or recipe is None:
            raise Unsaid("its definition and lock are not on record: it was not built here")
        return recipe, image.inputs

    @cached_property
    def found(self) -> ScanResult:
        """Its vulnerabilities; Unsaid where there are no advisories."""
        if self.known is not None and self.known.scan is not None:
            return self.known.scan
        with self.database() as database:
            return scan_inventory(self.machine, self.name, self.inventory, database, self.scan)

    def database(self) -> AbstractContextManager[Database]:
        """The advisories, opened; Unsaid where there are none."""
        if self.advisories is not None:
            return nullcontext(self.advisories)
        try:
            return Database(self.machine.home.advisories)
        except InputError as error:
            raise Unsaid(str(error)) from None


def _signature(image: AttestedPlatform) -> bytes:
    del image
    return b"{}"


def _provenance(image: AttestedPlatform) -> bytes:
    recipe, inputs = image.recipe
    lock = parse_lock(recipe.lock, recipe.lock_path)
    origins = read_origins(image.machine.home, image.built.digest)
    return provenance(
        recipe,
        lock,
        image.built.platform,
        compression=Compression.parse(recipe.compression).identity,
        builder=image.machine.settings.builder,
        invocation=inputs,
        fetched=origins.fetched if origins else (),
        stages=origins.stages if origins else (),
        distribution=image.inventory.distribution,
    )


def _rebuilds(image: AttestedPlatform) -> bytes:
    if image.rebuilders is None:
        raise Unsaid("nobody said who else rebuilds packages (--rebuilders)")
    recipe, _ = image.recipe
    lock = parse_lock(recipe.lock, recipe.lock_path)
    return image.rebuilders.predicate(lock.platforms[image.built.platform].packages)


def _vex(image: AttestedPlatform) -> bytes:
    result = image.found
    with image.database() as database:
        try:
            return said_in(result, image.inventory, database).encode()
        except CheckFailedError as error:
            raise Unsaid(str(error)) from None


def _tests(image: AttestedPlatform) -> bytes:
    report = remembered_tests(image.machine.home, image.manifest.digest)
    if report is None:
        raise Unsaid(f"its tests were not run here (ironhull test {image.name})")
    return results.test_result(
        image.manifest.digest, report.definition, report.passed, report.failed, report.engine
    )


def _score(image: AttestedPlatform) -> bytes:
    scan = None
    with suppress(Unsaid, InputError):
        scan = image.found
    asked = (image.machine, image.name, image.inventory, image.scan, scan)
    made = score_known(*asked, advisories=image.advisories)
    return results.score(score_json(made))


_MAKERS: dict[str, Callable[[AttestedPlatform], bytes]] = {
    kinds.SIGNATURE: _signature,
    kinds.CYCLONEDX: lambda image: cyclonedx(image.bill),
    kinds.SPDX: lambda image: spdx(image.bill),
    kinds.LICENSES: lambda image: results.licences(image.bill),
    kinds.PROVENANCE: _provenance,
    kinds.VEX: _vex,
    kinds.VULNERABILITIES: lambda image: results.vulnerabilities(image.found),
    kinds.TESTS: _tests,
    kinds.CHECKS: lambda image: results.static_checks(image.built.checks),
    kinds.SECRETS: lambda image: results.secrets(image.inventory),
    kinds.SCORE: _score,
}


MADE = tuple(_MAKERS)
"""The types that Ironhull makes, in the order in which it makes them: the score counts the rest."""
_ASKED = {kinds.REBUILDS: _rebuilds}
"""Those that it makes where somebody brings what they are made from."""


def predicate(image: AttestedPlatform, predicate_type: str) -> bytes:
    """What is said of an image; Unsaid with the reason where nothing can be."""
    maker = (_MAKERS | _ASKED).get(predicate_type)
    if maker is None:
        raise InputError(f"{predicate_type}: give what it says in a file (--predicate FILE)")
    return maker(image)
