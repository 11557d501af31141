"""Build stages that use apt, locked: versions found, packages kept, the archive frozen for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ironhull.archive.debian import ArchiveContext, SuiteRelease, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, default_transfer
from ironhull.archive.frozen import freeze
from ironhull.archive.interface import Repository
from ironhull.definition.model import ImageDefinition, PackageRequest, Place
from ironhull.errors import InputError, LockError, NotFoundError
from ironhull.lock.model import LockedPackage
from ironhull.lock.resolve import resolve
from ironhull.migrate.locking.stages import SERVED, AptStage, Frozen, apt_stages, locked_text
from ironhull.migrate.model import Migration
from ironhull.migrate.proof.bases_named import stand_in
from ironhull.store.choice import machine_platform
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network
from ironhull.workspace.repositories import repositories_of


@dataclass(frozen=True, slots=True)
class BuildLock:
    """A migration whose build stages install the same for ever."""

    migration: Migration
    folder: Path | None
    """The frozen archive, which `ironhull serve` serves; None where no stage uses apt."""
    packages: tuple[str, ...] = ()
    """What is in it, as `name=version`, sorted."""


def lock_build_stages(machine: Machine, migration: Migration, served: str = SERVED) -> BuildLock:
    """Pin what the new Dockerfile's stages install with apt, and keep all that it needs.

    The versions are what the verified archive has now; the packages are kept in the home's store.
    `served` is where `ironhull serve` will be reached by the builds. InputError where what is
    installed cannot be seen, or the base is no image of the catalog; ResolveError, UntrustedError
    and NetworkError as `ironhull lock`.
    """
    stages = apt_stages(migration.text)
    if not stages:
        return BuildLock(migration, None)
    _complain(stages)
    catalog = Definitions(machine).catalog
    tags = {name: [entry.stem for entry in catalog.entries(name)] for name in catalog.images()}
    archive = _Archive(machine)
    versions: dict[int, dict[str, str]] = {}
    kept: dict[str, LockedPackage] = {}
    for stage in stages:
        name = stand_in(stage.base, tags)
        if not name:
            raise InputError(
                f"stage {stage.index} stands on {stage.base}, which is no image of the catalog: "
                "only packages of its own images can be locked"
            )
        found = archive.packages(_with(machine, name, stage), name)
        versions[stage.index] = {str(one.name): str(one.version) for one in found.all}
        kept |= {one.sha256: one for one in found.new}
    folder = archive.frozen(kept.values())
    repositories = [(one.repository.name, one.suite) for one in archive.releases]
    frozen = Frozen(f"{served.rstrip('/')}/apt/{folder.name}", repositories, versions=versions)
    text = locked_text(migration.text, frozen)
    names = tuple(sorted(f"{one.name}={one.version}" for one in kept.values()))
    return BuildLock(replace(migration, text=text), folder, names)


def _complain(stages: Sequence[AptStage]) -> None:
    lines = [line for stage in stages for line in stage.opaque]
    if lines:
        listed = ", ".join(map(str, lines))
        raise InputError(
            f"what line {listed} of the new Dockerfile installs cannot be seen (a variable, a "
            "heredoc or more than simple commands): write the packages as plain words"
        )


def _with(machine: Machine, name: str, stage: AptStage) -> ImageDefinition:
    """The base's definition, asking for what the stage installs too."""
    definition, _ = Definitions(machine).definition(name)
    place = Place(f"stage {stage.index}", 1, 1)
    known = {one.name for one in definition.packages if not one.excluded}
    more = tuple(
        PackageRequest(one.name, place, recommends=one.recommends)
        for one in stage.wanted
        if one.name not in known
    )
    return replace(definition, packages=(*definition.packages, *more))


@dataclass(frozen=True, slots=True)
class _Resolved:
    all: tuple[LockedPackage, ...]
    new: tuple[LockedPackage, ...]
    """Those that the base has not, or not in this version."""


class _Archive:
    """The archive as it is now, read once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._platform = machine_platform()
        self._context = ArchiveContext(
            machine.home.archive,
            progress=machine.progress,
            offline=machine.settings.offline,
            transfer=partial(default_transfer, network=network(machine)),
        )
        self._repositories: tuple[Repository, ...] = ()
        self.releases: tuple[SuiteRelease, ...] = ()

    def packages(self, definition: ImageDefinition, name: str) -> _Resolved:
        """What is installed in such a stage in the end."""
        repositories = repositories_of(self._machine.settings, definition)
        if self._repositories and repositories != self._repositories:
            raise InputError("the stages stand on different distributions: lock one at a time")
        if not self._repositories:
            self._repositories = repositories
            self.releases = load_releases(repositories, self._context)
        archive = open_archive(self.releases, self._platform.debian, self._context)
        found = resolve(definition, self._platform, archive).packages
        there = self._base(name)
        new = tuple(one for one in found if (one.name, one.version) not in there)
        return _Resolved(found, new)

    def _base(self, name: str) -> set[tuple[str, str]]:
        """What the base has by its lock; nothing where it was never locked here."""
        try:
            _, lock = Definitions(self._machine).locked(name)
            platform = lock.platforms[str(self._platform)]
        except (LockError, NotFoundError, KeyError):
            return set()
        return {(one.name, one.version) for one in platform.packages}

    def frozen(self, wanted: Iterable[LockedPackage]) -> Path:
        """The folder with these packages and with the indexes that name them."""
        debs, home = sorted(wanted, key=lambda one: one.path), self._machine.home
        source = MirrorSource(
            self._repositories,
            home.packages,
            offline=self._machine.settings.offline,
            transfer=partial(default_transfer, network=network(self._machine)),
        )
        source.fetch(debs, self._machine.progress)
        digests = [one.record.digest for one in self.releases] + [one.sha256 for one in debs]
        identity = hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]
        folder = home.frozen_archives / identity
        architectures = (self._platform.debian,)
        freeze(folder, self.releases, architectures, debs, home.packages, self._context)
        return folder
