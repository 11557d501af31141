"""The verbs that look into images, anyone's, as calls of a `Workspace`."""

from __future__ import annotations

from pathlib import Path

from ironhull.advisories.dossier import DatabaseStatus, Dossier
from ironhull.advisories.update import Outcome
from ironhull.changes.model import BuildChanges
from ironhull.compare.model import Comparison
from ironhull.compare.score import Score
from ironhull.definition.draft import Draft
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.scan.explain import Explanation
from ironhull.scan.model import ScanResult
from ironhull.store.export import whole_file
from ironhull.workspace import (
    advising,
    changelog,
    checking,
    drafting,
    examining,
    explaining,
    measuring,
    packages,
    rescanning,
    sbom,
    scanning,
    scoring,
    sources,
    vex_document,
)
from ironhull.workspace.checking import CheckChoices, CheckedAnywhere
from ironhull.workspace.drafting import CustomChoices, NewDefinition
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.scanning import ScanChoices


class ExamineCalls:
    """What can be known of any image, and of vulnerabilities."""

    machine: Machine

    def inventory(
        self, image: str, *, platform: str | None = None, again: bool = False
    ) -> Inventory:
        """What is in any image; `again` reads it even if it is known."""
        return examining.inventory(self.machine, image, Platform.parse_given(platform), again=again)

    def sbom(
        self,
        image: str,
        *,
        format: str = "cyclonedx",  # noqa: A002 - the option's word
        platform: str | None = None,
    ) -> bytes:
        """The bill of materials of any image as JSON: cyclonedx, cyclonedx-1.5 or spdx."""
        return sbom.sbom(self.machine, image, format, Platform.parse_given(platform))

    def sources(
        self, image: str, output: str | Path, *, platform: str | None = None
    ) -> sources.ImageSources:
        """Write all source packages of any Debian image into one tar; see `fetch_sources`."""
        found = sources.fetch_sources(self.machine, image, Platform.parse_given(platform))
        with whole_file(Path(output)) as file:
            sources.write_archive(self.machine, found, file)
        return found

    def build_package(self, file: str | Path, *, update: bool = False) -> packages.BuiltPackage:
        """Build a patched source package into the home's archive; see `packages.build_package`."""
        return packages.build_package(self.machine, Path(file), update=update)

    def scan(
        self, image: str, *, platform: str | None = None, chosen: ScanChoices | None = None
    ) -> ScanResult:
        """The vulnerabilities of any image; see `scanning.scan`."""
        return scanning.scan(
            self.machine, image, chosen or ScanChoices(), Platform.parse_given(platform)
        )

    def explain(
        self,
        vulnerability: str,
        image: str,
        *,
        platform: str | None = None,
        chosen: ScanChoices | None = None,
    ) -> Explanation:
        """Why a vulnerability is or is not reported for an image, and what to do."""
        return explaining.explain(
            self.machine,
            vulnerability,
            image,
            chosen or ScanChoices(),
            Platform.parse_given(platform),
        )

    def vex(
        self, image: str, *, platform: str | None = None, chosen: ScanChoices | None = None
    ) -> str:
        """An OpenVEX document about any image, each statement with its evidence."""
        return vex_document.vex_of(
            self.machine, image, chosen or ScanChoices(), Platform.parse_given(platform)
        )

    def update_advisories(self, *sources: str) -> list[Outcome]:
        """Bring feeds into the database, from `NAME=PLACE` or from their own addresses."""
        return advising.update_advisories(self.machine, sources)

    def advisories(self) -> DatabaseStatus:
        """Which feeds the database of vulnerabilities has, and how old they are."""
        return advising.database_status(self.machine)

    def vulnerability(self, identifier: str) -> Dossier:
        """Every record and claim about one vulnerability, by identifier or alias."""
        return advising.dossier(self.machine, identifier)

    def check(self, image: str, chosen: CheckChoices | None = None) -> CheckedAnywhere:
        """Whether any image's closure holds, and whether it starts."""
        return checking.check(self.machine, image, chosen)

    def new_definition(self, draft: Draft) -> NewDefinition:
        """Write a definition into the catalog that builds, and start its image once."""
        return drafting.new_definition(self.machine, draft)

    def customize(self, original: str, image: str, chosen: CustomChoices) -> Path:
        """Write a definition that is another one and what is different; gives its path."""
        return drafting.customize(self.machine, original, image, chosen)

    def rescan(self, *images: str, max_age: int | None = None) -> rescanning.Rescan:
        """Stored inventories against today's advisories, all or those named; see `rescanning`."""
        return rescanning.rescan(self.machine, images, max_age)

    def compare(
        self,
        baseline: str,
        *images: str,
        platform: str | None = None,
        scan: ScanChoices | None = None,
        leaks: bool = False,
        build_stage: str | None = None,
    ) -> Comparison:
        """Images beside a baseline: `figures` has what changed; see `measuring.compare`."""
        chosen = MeasureChoices(
            scan or ScanChoices(), Platform.parse_given(platform), leaks, build_stage
        )
        return measuring.compare(self.machine, baseline, images, chosen)

    def changelog(
        self,
        image: str,
        *,
        since: str = "",
        platform: str | None = None,
        scan: ScanChoices | None = None,
    ) -> BuildChanges:
        """What changed since an older image: packages, vulnerabilities, the maintainers' words.

        Without `since` it is what the tag stood for before; see `workspace.changelog`.
        """
        chosen = MeasureChoices(scan or ScanChoices(), Platform.parse_given(platform))
        return changelog.changelog(self.machine, image, since, chosen)

    def score(
        self, image: str, *, platform: str | None = None, scan: ScanChoices | None = None
    ) -> Score:
        """The hardening of any image in 20 points, each with its evidence."""
        chosen = MeasureChoices(scan or ScanChoices(), Platform.parse_given(platform))
        return scoring.score(self.machine, image, chosen)
