"""What verbs that build and lock share: definitions, locks, repositories, archives, packages.

The mirror is never in code: option, setting `mirror`, then the machine's own apt sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, Snapshot, default_transfer
from ironhull.archive.interface import Archive, Repository, Wanted
from ironhull.archive.mirror import find_repositories
from ironhull.cli.settings import Settings
from ironhull.definition.catalog import Catalog
from ironhull.definition.model import ImageDefinition
from ironhull.definition.reader import read
from ironhull.errors import InputError
from ironhull.lock.file import lock_path, read_lock
from ironhull.lock.make import Archives, lock_definition
from ironhull.lock.model import Lock
from ironhull.oci.platform import Platform
from ironhull.progress import Progress


@dataclass(frozen=True, slots=True)
class Workspace:
    """The catalog, the mirror and the store that one command works with."""

    settings: Settings
    progress: Progress
    mirror: str | None = None
    keyring: Path | None = None
    offline: bool = False

    @property
    def catalog(self) -> Catalog:
        """The catalog; tags that follow the archive get their values from the locks."""
        return Catalog(self.settings.catalog, locked_variables)

    def definition(self, name: str) -> tuple[ImageDefinition, Path]:
        """The definition of NAME:TAG or of a file, and where its lock is or would be.

        What it should be known of besides goes to the progress as notes.
        """
        path = self.catalog.find(name)
        return self.read(path, locked_variables(path)), lock_path(path)

    def read(self, path: Path, variables: Mapping[str, str]) -> ImageDefinition:
        """The definition with these values for its tracked variables."""
        loaded = read(path, variables)
        for warning in loaded.warnings:
            self.progress.note(f"warning: {warning}")
        return loaded.definition

    def lock(self, definition: ImageDefinition) -> tuple[ImageDefinition, Lock]:
        """A new lock from the archive as it is now, and the definition with its variables."""

        def load(variables: Mapping[str, str]) -> ImageDefinition:
            return read(definition.file, variables).definition

        return lock_definition(load, self.archives(definition))

    def archives(self, definition: ImageDefinition) -> Archives:
        """The archive of each platform of the definition, all at one moment."""
        home = self.settings.home
        context = ArchiveContext(home.archive, progress=self.progress, offline=self.offline)
        releases = load_releases(self.repositories(definition), context)
        found: dict[Platform, Archive] = {}
        for platform in definition.platforms:
            found[platform] = open_archive(releases, platform.debian, context)
        return found

    def repositories(self, definition: ImageDefinition) -> list[Repository]:
        """The distribution's suites on the configured mirror, then the definition's own."""
        keyrings: tuple[bytes, ...] = ()
        configured = self.keyring or self.settings.get("keyring")
        if configured:
            keyrings = (_keyring(Path(configured)),)
        found = find_repositories(
            definition.distribution,
            option=self.mirror,
            setting=self.settings.get("mirror"),
            keyrings=keyrings,
        )
        own = [
            Repository(wanted.name, wanted.uri, (wanted.suite,), wanted.components, wanted.keyrings)
            for wanted in definition.repositories
        ]
        return [*found, *own]

    def packages(self, definition: ImageDefinition, lock: Lock) -> _LazySource:
        """Where locked packages come from; looks for a mirror only if something is missing."""
        return _LazySource(self, definition, lock)


@dataclass(frozen=True, slots=True)
class _LazySource:
    """A PackageSource that finds the mirror when the first package is missing."""

    workspace: Workspace
    definition: ImageDefinition
    locked: Lock

    def fetch(self, wanted: Sequence[Wanted], progress: Progress) -> None:
        """As `MirrorSource.fetch`."""
        workspace = self.workspace
        template = workspace.settings.get("snapshot")
        source = MirrorSource(
            workspace.repositories(self.definition),
            workspace.settings.home.packages,
            snapshot=Snapshot(template, self.locked.created) if template else None,
            offline=workspace.offline,
        )
        source.fetch(wanted, progress)


class LazyDownload:
    """A Download whose library is loaded when something is downloaded."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def get(
        self, url: str, sink: Callable[[bytes], object], *, limit: int, fresh: bool = False
    ) -> int:
        """As `Transfer.get`."""
        transfer = default_transfer(self._progress.note)
        return transfer.get(url, sink, limit=limit, fresh=fresh)


def locked_variables(path: Path) -> Mapping[str, str]:
    """The values that the lock of a definition has for its tracked variables."""
    file = lock_path(path)
    return read_lock(file).variables if file.is_file() else {}


def _keyring(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the keyring {path}: {error.strerror}") from None
