"""The verbs of building and running as calls of a `Workspace`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ironhull.build.built import BuiltImage, StoredBuild
from ironhull.build.testing import TestReport
from ironhull.definition.model import ImageDefinition
from ironhull.engine.interface import RunResult
from ironhull.lock.presence import Absent, Present
from ironhull.lock.result import LockResult
from ironhull.oci.platform import Platform
from ironhull.workspace import (
    building,
    engines,
    exporting,
    images,
    profiling,
    running,
    tracing,
)
from ironhull.workspace.building import BuildChoices
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.engines import LoadedImage
from ironhull.workspace.images import StoredImage
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.running import RunChoices


class BuildCalls:
    """What can be built on a machine, and run there."""

    machine: Machine

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
        return images.stored_build(self.machine, name, Platform.parse_given(platform))

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
            platform=Platform.parse_given(platform),
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
