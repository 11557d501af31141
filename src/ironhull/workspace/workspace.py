"""Ironhull as Python calls: the verbs of the command line on one Workspace.

A Workspace is settings and someone who watches. It reads no environment and no file of settings,
keeps nothing between calls but what is on disk, and several in one process know nothing of each
other; one may be shared by any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from ironhull.advisories.dossier import DatabaseStatus, Dossier
from ironhull.advisories.update import Outcome
from ironhull.build.built import BuiltImage, StoredBuild
from ironhull.build.testing import TestReport
from ironhull.catalog.export import Exported
from ironhull.changes.model import BuildChanges
from ironhull.compare.model import Comparison
from ironhull.compare.score import Score
from ironhull.definition.catalog import Catalog
from ironhull.definition.draft import Draft
from ironhull.definition.model import ImageDefinition
from ironhull.engine.interface import RunResult
from ironhull.inventory.model import Inventory
from ironhull.lock.presence import Absent, Present
from ironhull.lock.result import LockResult
from ironhull.migrate.locking.stages import SERVED
from ironhull.migrate.model import Migration
from ironhull.migrate.proof.model import Proof
from ironhull.migrate.proof.requests import parse_request
from ironhull.oci.platform import Platform
from ironhull.progress import Progress, Silent
from ironhull.registry.client.tree import Node
from ironhull.scan.explain import Explanation
from ironhull.scan.model import ScanResult
from ironhull.settings import Settings, catalog_folders
from ironhull.store.export import whole_file
from ironhull.store.home import Home
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.verdict import Unverified, Verdict
from ironhull.workspace import (
    advising,
    attestations,
    attesting,
    build_locks,
    building,
    catalog_serving,
    cataloguing,
    changelog,
    checking,
    drafting,
    engines,
    examining,
    explaining,
    exporting,
    history,
    images,
    measuring,
    migrating,
    packages,
    profiling,
    proving,
    publishing,
    remediating,
    reproducing,
    rescanning,
    running,
    sbom,
    scanning,
    scoring,
    sources,
    tracing,
    verifying,
    vex_document,
    vex_publishing,
)
from ironhull.workspace.attestations import ListedAttestation
from ironhull.workspace.attesting import AttestChoices, Attested
from ironhull.workspace.build_locks import BuildLock
from ironhull.workspace.building import BuildChoices
from ironhull.workspace.checking import CheckChoices, CheckedAnywhere
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.drafting import CustomChoices, NewDefinition
from ironhull.workspace.engines import LoadedImage
from ironhull.workspace.history import History, HistoryChoices
from ironhull.workspace.images import StoredImage
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.migrating import MigrateChoices
from ironhull.workspace.proving import ProofChoices
from ironhull.workspace.publishing import Published
from ironhull.workspace.remediating import Remedied, RemedyChoices
from ironhull.workspace.reproducing import ReproduceChoices, Reproduced
from ironhull.workspace.running import RunChoices
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.surrounding_files import Surroundings, surrounding_files
from ironhull.workspace.verifying import VerifyChoices
from ironhull.workspace.watch_calls import WatchCalls


class Workspace(WatchCalls):
    """What one machine keeps and knows, and what can be done with it.

    Names of images are those of the command line: NAME:TAG of the catalog or the store; where a
    verb takes any image, what it takes there too. Errors are those of `ironhull.errors`.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.machine = Machine(settings, progress or Silent())

    @classmethod
    def open(
        cls,
        *,
        home: str | Path,
        images: str | Path | Sequence[str | Path],
        mirror: str | None = None,
        keyring: str | Path | None = None,
        offline: bool = False,
        environment: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Workspace:
        """A workspace with its store in `home` and the definitions in `images`; of several folders
        the first wins. `mirror` is the archive's address or folder, else the one of the machine's
        apt sources. `environment` is where logins, proxies and certificate authorities are looked
        for: none unless it is given. Other settings: `Settings`.
        """
        catalog, *more = catalog_folders([images] if isinstance(images, str | Path) else images)
        settings = Settings(
            home=Path(home).absolute(),
            catalog=catalog,
            more_catalogs=tuple(more),
            mirror=mirror,
            keyring=None if keyring is None else Path(keyring),
            offline=offline,
            environment=dict(environment or {}),
        )
        return cls(settings, progress)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is held open between calls, so nothing has to be let go."""

    @property
    def settings(self) -> Settings:
        """What the workspace was told."""
        return self.machine.settings

    @property
    def home(self) -> Home:
        """The folders of store, cache and state."""
        return self.machine.home

    @property
    def catalog(self) -> Catalog:
        """The definitions, as `ironhull list` shows them."""
        return Definitions(self.machine).catalog

    # -- build -----------------------------------------------------------------------------------

    def definition(self, name: str) -> ImageDefinition:
        """The definition of NAME:TAG or of a file, read and checked."""
        return Definitions(self.machine).definition(name)[0]

    def lock(self, name: str, *, update: bool = False, check: bool = False) -> LockResult:
        """Fix an image to exact packages; see `Locking.lock`."""
        return Locking(self.machine).lock(name, update=update, check=check)

    def why(self, name: str, package: str, *, platform: str | None = None) -> Present | Absent:
        """Why a package is in an image, by its lock; for the lock's first platform if none."""
        return tracing.presence(self.machine, name, package, platform)

    def build(
        self,
        name: str,
        *,
        platforms: Sequence[str] = (),
        compression: str | None = None,
        update: bool = False,
        locked: bool = False,
        jobs: int | None = None,
    ) -> BuiltImage:
        """Build an image of the catalog, or of a file, into the store; see `build_images`."""
        wanted = Platform.parse_all(platforms)
        return self.build_all([name], BuildChoices(wanted, compression, update, locked, jobs))[0]

    def build_all(
        self, names: Iterable[str], chosen: BuildChoices | None = None
    ) -> list[BuiltImage]:
        """Build several that all see the same moment of the archive."""
        return building.build_images(self.machine, names, chosen or BuildChoices())

    def show(self, name: str, *, platform: str | None = None) -> StoredBuild:
        """What was built here under a name."""
        return images.stored_build(self.machine, name, _platform(platform))

    def images(self) -> list[StoredImage]:
        """What is in the store, by name."""
        return images.stored_images(self.machine)

    def export(
        self,
        name: str,
        output: str | Path,
        *,
        format: str = "oci-archive",  # noqa: A002 - the option's word
        platforms: Sequence[str] = (),
    ) -> None:
        """Write an image of the store to a file; `format` is oci-archive or docker-archive."""
        wanted = Platform.parse_all(platforms)
        exporting.export(self.machine, name, Path(output), format, platforms=wanted)

    # -- run -------------------------------------------------------------------------------------

    def load(
        self,
        name: str,
        *,
        engine: str | None = None,
        names: Sequence[str] = (),
        platform: str | None = None,
    ) -> LoadedImage:
        """Put an image of the store into a container engine."""
        return engines.load(
            self.machine,
            name,
            engine_name=engine,
            names=names,
            platform=_platform(platform),
        )

    def run(
        self, image: str, *command: str, choices: RunChoices | None = None, timeout: float = 3600
    ) -> RunResult:
        """Run an image of the store to its end; in the sandbox unless `choices` says otherwise."""
        chosen = choices or RunChoices()
        if command:
            chosen = replace(chosen, command=command)
        return running.run_image(self.machine, image, chosen, timeout)

    def test(self, name: str, *, engine: str | None = None) -> TestReport:
        """Run the tests of an image's definition; what failed is in the report."""
        return engines.run_definition_tests(self.machine, name, engine)

    def profile(self, name: str) -> profiling.ProfiledTests:
        """Run the tests in the sandbox; which files of its packages no test opens, as slices."""
        return profiling.profile_tests(self.machine, name)

    # -- publish ---------------------------------------------------------------------------------

    def push(
        self,
        name: str,
        *targets: str,
        all_tags: bool = False,
        with_referrers: bool = True,
        mount_from: str | None = None,
        platforms: Sequence[str] = (),
        record: bool = True,
        vex_set: str | Path | None = None,
        check: bool = False,
    ) -> list[Published]:
        """Push an image of the store to registries; see `publishing.push`."""
        return publishing.push(
            self.machine,
            name,
            targets,
            all_tags=all_tags,
            with_referrers=with_referrers,
            mount_from=mount_from,
            platforms=Platform.parse_all(platforms),
            record=record,
            vex_set=vex_set,
            check=check,
        )

    def pull(
        self, reference: str, *, platforms: Sequence[str] = (), with_referrers: bool = False
    ) -> Published:
        """Bring an image from a registry into the store."""
        return publishing.pull(
            self.machine,
            reference,
            platforms=Platform.parse_all(platforms),
            with_referrers=with_referrers,
        )

    def copy(
        self,
        source: str,
        target: str,
        *,
        platforms: Sequence[str] = (),
        with_referrers: bool = True,
        record: bool = True,
    ) -> Published:
        """Copy an image between registries, layouts, archives and the store."""
        return publishing.copy(
            self.machine,
            source,
            target,
            platforms=Platform.parse_all(platforms),
            with_referrers=with_referrers,
            record=record,
        )

    def tags(self, reference: str) -> list[str]:
        """The tags of a repository."""
        return publishing.tags(self.machine, reference)[1]

    def tree(self, reference: str) -> Node:
        """An image's manifests, config, layers, and what refers to them."""
        return publishing.tree(self.machine, reference)[1]

    def gather_catalog(self) -> cataloguing.Gathered:
        """Bring up to date what the catalog's pages are made of; `serve` does it by itself."""
        return cataloguing.gather(self.machine)

    def export_catalog(self, target: str | Path, whom: VerifyChoices | None = None) -> Exported:
        """Write the catalog's pages and API to a folder, for any web server.

        `whom` has the keys and the identity whose statements count there; None: the ring's keys.
        """
        return catalog_serving.export_catalog(self.machine, Path(target), whom)

    # -- prove -----------------------------------------------------------------------------------

    def attest(self, name: str, chosen: AttestChoices | None = None) -> Attested:
        """Sign statements about an image, and attach them to it; see `attesting.attest`."""
        return attesting.attest(self.machine, name, chosen or attesting.AttestChoices())

    def publish_vex(
        self, target: str | Path, *images: str, url: str
    ) -> vex_publishing.PublishedVex:
        """Write the VEX of the store's images as a signed VEX repository; see `vex_publishing`."""
        return vex_publishing.publish_vex(self.machine, target, images, url)

    def reproduce(self, image: str, chosen: ReproduceChoices | None = None) -> Reproduced:
        """Build an image again from its signed provenance; see `reproducing.reproduce`."""
        return reproducing.reproduce(self.machine, image, chosen or ReproduceChoices())

    def attach_summaries(self, done: Reproduced) -> Attested:
        """Say, signed and beside the image, what came of it; see `reproducing.attach_summaries`."""
        return reproducing.attach_summaries(self.machine, done)

    def history(
        self,
        reference: str,
        *,
        keys: Sequence[str | Path] = (),
        max_age: timedelta | None = None,
        export: str | Path | None = None,
    ) -> History:
        """What was published in a repository, by its signed record; see `history.history`."""
        target = None if export is None else Path(export)
        chosen = HistoryChoices(tuple(map(Path, keys)), max_age, target)
        return history.history(self.machine, reference, chosen)

    def attestations(self, image: str) -> tuple[ListedAttestation, ...]:
        """What is attached to an image in any place; nothing is verified."""
        return attestations.attestations(self.machine, image)[2]

    def read_attestation(
        self, image: str, wanted: str, *, platform: str | None = None, bundle: bool = False
    ) -> bytes:
        """What an attestation says, by kind, type or digest; see `attestations`."""
        return attestations.read_attestation(
            self.machine, image, wanted, _platform(platform), bundle=bundle
        )

    # -- examine ---------------------------------------------------------------------------------

    def inventory(
        self, image: str, *, platform: str | None = None, again: bool = False
    ) -> Inventory:
        """What is in any image; `again` reads it even if it is known."""
        return examining.inventory(self.machine, image, _platform(platform), again=again)

    def sbom(
        self,
        image: str,
        *,
        format: str = "cyclonedx",  # noqa: A002 - the option's word
        platform: str | None = None,
    ) -> bytes:
        """The bill of materials of any image as JSON: cyclonedx, cyclonedx-1.5 or spdx."""
        return sbom.sbom(self.machine, image, format, _platform(platform))

    def sources(
        self, image: str, output: str | Path, *, platform: str | None = None
    ) -> sources.ImageSources:
        """Write all source packages of any Debian image into one tar; see `fetch_sources`."""
        found = sources.fetch_sources(self.machine, image, _platform(platform))
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
        return scanning.scan(self.machine, image, chosen or ScanChoices(), _platform(platform))

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
            self.machine, vulnerability, image, chosen or ScanChoices(), _platform(platform)
        )

    def vex(
        self, image: str, *, platform: str | None = None, chosen: ScanChoices | None = None
    ) -> str:
        """An OpenVEX document about any image, each statement with its evidence."""
        return vex_document.vex_of(
            self.machine, image, chosen or ScanChoices(), _platform(platform)
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
        chosen = MeasureChoices(scan or ScanChoices(), _platform(platform), leaks, build_stage)
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
        chosen = MeasureChoices(scan or ScanChoices(), _platform(platform))
        return changelog.changelog(self.machine, image, since, chosen)

    def score(
        self, image: str, *, platform: str | None = None, scan: ScanChoices | None = None
    ) -> Score:
        """The hardening of any image in 20 points, each with its evidence."""
        chosen = MeasureChoices(scan or ScanChoices(), _platform(platform))
        return scoring.score(self.machine, image, chosen)

    # -- migrate ---------------------------------------------------------------------------------

    def migrate(
        self,
        dockerfile: str | Path,
        *,
        context: str | Path | None = None,
        target: str | None = None,
        registry: str = migrating.LOADED,
    ) -> Migration:
        """The hardened form of a Dockerfile: `text`, and why; see `migrating.migrate`."""
        folder = None if context is None else Path(context)
        chosen = MigrateChoices(folder, target, registry)
        return migrating.migrate(self.machine, Path(dockerfile), chosen)

    def remediate(self, image: str, result: str, chosen: RemedyChoices | None = None) -> Remedied:
        """The archive's fixes as layers on a foreign Debian image; `result` names the new one.

        What stays as it is, is in `refused` with its reason; see `remediating.remediate`.
        """
        return remediating.remediate(self.machine, image, result, chosen)

    def lock_build_stages(self, migration: Migration, served: str = SERVED) -> BuildLock:
        """The migration with what its stages install pinned and kept; see `build_locks`."""
        return build_locks.lock_build_stages(self.machine, migration, served)

    def surrounding_files(
        self,
        migration: Migration,
        context: str | Path,
        *,
        also: Sequence[str | Path] = (),
        names: Sequence[str] = (),
    ) -> Surroundings:
        """What compose files, manifests and Helm values need; see `surrounding_files`."""
        return surrounding_files(migration, Path(context), tuple(map(Path, also)), names)

    def prove(
        self,
        migration: Migration,
        context: str | Path,
        *,
        target: str | None = None,
        requests: Sequence[str] = (),
        commands: Sequence[Sequence[str]] = (),
        engine: str | None = None,
        own: bool = False,
    ) -> Proof:
        """Whether what `migrate` made does what the old Dockerfile did: both are built and run.

        A request is `[METHOD] [:PORT]/PATH [BODY]`; `own` asks no registry. See `proving.prove`.
        """
        asked = tuple(map(parse_request, requests))
        chosen = ProofChoices(engine, asked, tuple(map(tuple, commands)), own=own)
        return proving.prove(self.machine, migration, Path(context), target, chosen)

    # -- verify ----------------------------------------------------------------------------------

    def verify(
        self,
        image: str,
        *,
        keys: Sequence[str | Path] = (),
        policy: str | Path | None = None,
        platforms: Sequence[str] = (),
    ) -> Verdict:
        """Whether any image is to be believed: `passed`, and each rule with what was found.

        `keys` are files of public keys; none: the keys of the home's ring. See `verifying.verify`.
        """
        chosen = _choices(keys, policy, platforms)
        return verifying.verify(self.machine, image, chosen)

    def verify_all(
        self,
        images: Sequence[str],
        *,
        keys: Sequence[str | Path] = (),
        policy: str | Path | None = None,
        platforms: Sequence[str] = (),
    ) -> list[Verdict | Unverified]:
        """Many images in one call, in their order: a thousand on this disk in a few seconds.

        What cannot be looked at is Unverified with its reason, and stops no other.
        """
        return verifying.verify_all(self.machine, images, _choices(keys, policy, platforms))


def _choices(
    keys: Sequence[str | Path], policy: str | Path | None, platforms: Sequence[str]
) -> VerifyChoices:
    read = None if policy is None else read_policy(Path(policy))
    return VerifyChoices(tuple(map(Path, keys)), read, Platform.parse_all(platforms))


def _platform(text: str | None) -> Platform | None:
    return None if text is None else Platform.parse(text)
