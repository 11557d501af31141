"""Definitions, their locks, and the archive that both are made from.

The mirror is never in code: the setting, else the machine's own apt sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ironhull.archive.debian import ArchiveContext, SuiteRelease, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, Snapshot, default_transfer
from ironhull.archive.interface import Archive, Repository
from ironhull.archive.mirror import find_repositories
from ironhull.debian.package import Deb
from ironhull.definition.catalog import Catalog
from ironhull.definition.model import ImageDefinition
from ironhull.definition.pins import Pins
from ironhull.definition.reader import read
from ironhull.errors import InputError, LockError
from ironhull.lock.diff import diff
from ironhull.lock.file import lock_path, read_lock, write_lock
from ironhull.lock.make import Archives, lock_definition, moved
from ironhull.lock.model import Lock
from ironhull.lock.request import check_lock
from ironhull.lock.result import LockResult
from ironhull.lock.unsolvable import misspelt_exclusions
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.workspace.addressed import Addressed
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network


@dataclass(frozen=True, slots=True)
class Locking:
    """Definitions and locks as one call sees them: it reads a release file once.

    So all images of one call see the same moment of the archive; the next call makes another.
    """

    machine: Machine
    _releases: dict[tuple[Repository, ...], tuple[SuiteRelease, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _keys: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """By address, with or without a digest."""

    @property
    def catalog(self) -> Catalog:
        """The catalog; tags that follow the archive get their values from the locks."""
        return Catalog(self.machine.settings.catalog, locked_variables, self._locked_pins)

    def definition(self, name: str) -> tuple[ImageDefinition, Path]:
        """The definition of NAME:TAG or of a file, and where its lock is or would be.

        What it should be known of besides goes to the progress as notes.
        """
        path = self.catalog.find(name)
        return self.read(path, locked_variables(path), self._locked_pins(path)), lock_path(path)

    def read(
        self, path: Path, variables: Mapping[str, str], pins: Pins | None = None
    ) -> ImageDefinition:
        """The definition with these values for its tracked variables, and digests of the lock."""
        loaded = read(path, variables, self._root(path), pins or self._pins({}))
        for warning in loaded.warnings:
            self.machine.progress.note(f"warning: {warning}")
        return loaded.definition

    def _pins(self, digests: Mapping[str, Digest]) -> Pins:
        return Pins(digests, self.machine.settings.unpinned)

    def _locked_pins(self, path: Path) -> Pins:
        file = lock_path(path)
        return self._pins(read_lock(file).digests if file.is_file() else {})

    def _root(self, path: Path) -> Path | None:
        """The catalog's folder, which bounds includes, for a definition of the catalog."""
        root = self.machine.settings.catalog
        return root if path.absolute().is_relative_to(root.absolute()) else None

    def locked(self, name: str) -> tuple[ImageDefinition, Lock]:
        """Definition and lock as they are; LockError if there is none or it does not fit."""
        path = self.catalog.find(name)
        file = lock_path(path)
        if not file.is_file():
            raise LockError(f"{path} has no lock (make it with: ironhull lock {name})")
        lock = read_lock(file)
        definition = self.read(path, lock.variables, self._pins(lock.digests))
        check_lock(lock, definition, str(file))
        return definition, lock

    def definition_and_lock(
        self, name: str, *, update: bool, required: bool = False
    ) -> tuple[ImageDefinition, Lock]:
        """As `locked`; makes the lock if there is none (unless `required`), or `update` says so."""
        path = self.catalog.find(name)
        if required or (lock_path(path).is_file() and not update):
            return self.locked(name)
        definition, _, lock = self.update_lock(path)
        return definition, lock

    def lock(self, name: str, *, update: bool = False, check: bool = False) -> LockResult:
        """Make a lock that is missing, move it to the archive, or compare both (`check`)."""
        path = self.catalog.find(name)
        file = lock_path(path)
        if check or (file.exists() and not update):
            old = read_lock(file)
            definition = self.read(path, old.variables, self._pins(old.digests))
            check_lock(old, definition, str(file))
            if not check:
                return LockResult(definition, file, "present", old)
            _, new = self.new_lock(path, old.digests)
            changes = diff(old, new)
            status = "stale" if changes.matters else "current"
            return LockResult(definition, file, status, old, changes)
        # Without the variables of the lock: it may be one that cannot be read, which is replaced.
        definition, previous, new = self.update_lock(path)
        if previous is None:
            return LockResult(definition, file, "made", new)
        changes = diff(previous, new)
        status = "unchanged" if changes.empty else "updated"
        return LockResult(definition, file, status, new, changes)

    def new_lock(
        self, path: Path, before: Mapping[str, Digest] | None = None
    ) -> tuple[ImageDefinition, Lock]:
        """A lock from the archive as it is now, and the definition with its variables.

        `before` are the digests of the lock that there was: a key may not be another one now.
        """
        root, known = self._root(path), before or {}
        first = self.read(path, {})
        digests = self._digests(first, known)
        pins = self._pins(digests)

        def load(variables: Mapping[str, str]) -> ImageDefinition:
            return read(path, variables, root, pins).definition

        archives = self.archives(load({}) if digests else first)
        definition, lock = lock_definition(load, archives)
        lock = replace(lock, digests=digests)
        for line in misspelt_exclusions(definition.packages, list(archives.values())):
            self.machine.progress.note(f"warning: {line}")
        return definition, lock

    def update_lock(self, path: Path) -> tuple[ImageDefinition, Lock | None, Lock]:
        """Move the lock beside a definition to the archive: definition, old lock, new lock.

        A lock that says what the archive says stays as it is, date and all. One that cannot be
        read, or is of something else, is replaced.
        """
        file = lock_path(path)
        old = self._previous(file)
        definition, new = self.new_lock(path, old.digests if old else None)
        if old is not None:
            new = moved(old, new)
        if new != old:
            write_lock(file, new)
        return definition, old, new

    def _previous(self, file: Path) -> Lock | None:
        if not file.exists():
            return None
        try:
            return read_lock(file)
        except LockError as error:
            self.machine.progress.note(f"it is replaced: {error}")
            return None

    def archives(self, definition: ImageDefinition) -> Archives:
        """The archive of each platform of the definition."""
        machine = self.machine
        context = ArchiveContext(
            machine.home.archive,
            progress=machine.progress,
            offline=machine.settings.offline,
            transfer=partial(default_transfer, network=network(machine)),
        )
        repositories = tuple(self.repositories(definition, keys=True))
        if repositories not in self._releases:
            self._releases[repositories] = load_releases(repositories, context)
        found: dict[Platform, Archive] = {}
        for platform in definition.platforms:
            found[platform] = open_archive(self._releases[repositories], platform.debian, context)
        return found

    def repositories(self, definition: ImageDefinition, *, keys: bool = False) -> list[Repository]:
        """The distribution's suites on the configured mirror, then the definition's own.

        `keys` fetches the keys that the definition has by address; only verifying needs them.
        """
        settings = self.machine.settings
        keyrings = () if settings.keyring is None else (_keyring(settings.keyring),)
        found = find_repositories(
            definition.distribution,
            mirror=settings.mirror,
            origin=settings.mirror_origin,
            keyrings=keyrings,
        )
        own = [
            Repository(
                wanted.name,
                wanted.uri,
                (wanted.suite,),
                wanted.components,
                (*wanted.keyrings, *(self._key(url) for url in wanted.key_urls if keys)),
                str(wanted.place),
            )
            for wanted in definition.repositories
        ]
        return [*found, *own]

    def _digests(
        self, definition: ImageDefinition, before: Mapping[str, Digest]
    ) -> dict[str, Digest]:
        """Of all that the definition names by address alone, as it is there now."""
        files = {request.url for request in definition.files}
        return {
            address: self._addressed.file(address, before.get(address))
            if address in files
            else digest_of(self._key(address, before.get(address)))
            for address in definition.addressed
        }

    @property
    def _addressed(self) -> Addressed:
        machine = self.machine
        return Addressed(machine.home.packages, LazyDownload(machine), machine.settings.offline)

    def _key(self, url: str, before: Digest | None = None) -> bytes:
        """A key that a definition names by address; read once in a call."""
        if url not in self._keys:
            self._keys[url] = self._addressed.key(url, before)
        return self._keys[url]

    def packages(self, definition: ImageDefinition, lock: Lock) -> LockedPackages:
        """Where locked packages come from; looks for a mirror only if something is missing."""
        return LockedPackages(self, definition, lock)


@dataclass(frozen=True, slots=True)
class LockedPackages:
    """A PackageSource that finds the mirror when the first package is missing."""

    locking: Locking
    definition: ImageDefinition
    locked: Lock

    def fetch(self, wanted: Sequence[Deb], progress: Progress) -> None:
        """As `MirrorSource.fetch`."""
        machine = self.locking.machine
        template = machine.settings.snapshot
        source = MirrorSource(
            self.locking.repositories(self.definition),
            machine.home.packages,
            snapshot=Snapshot(template, self.locked.created) if template else None,
            offline=machine.settings.offline,
            transfer=partial(default_transfer, network=network(machine)),
        )
        source.fetch(wanted, progress)


class LazyDownload:
    """A Download whose library is loaded when something is downloaded."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def get(
        self, url: str, sink: Callable[[bytes], object], *, limit: int, fresh: bool = False
    ) -> int:
        """As `Transfer.get`."""
        transfer = default_transfer(self._machine.progress.note, network(self._machine))
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
