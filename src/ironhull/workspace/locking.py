"""Locks, made and moved: what the archive has for a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ironhull.archive.debian import ArchiveContext, SuiteRelease, load_releases, open_archive
from ironhull.archive.fetch import default_transfer
from ironhull.archive.interface import Archive, Repository
from ironhull.definition.model import ImageDefinition
from ironhull.definition.reader import read
from ironhull.errors import EnvironmentProblem, IronhullError, LockError
from ironhull.lock.diff import diff
from ironhull.lock.file import lock_path, read_lock, write_lock
from ironhull.lock.make import Archives, lock_definition, moved
from ironhull.lock.model import Lock
from ironhull.lock.request import check_lock
from ironhull.lock.result import LockResult
from ironhull.lock.unsolvable import misspelt_exclusions
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.platform import Platform
from ironhull.workspace.addressed import Addressed
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.fetching import LazyDownload
from ironhull.workspace.image_digests import digest_at
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network
from ironhull.workspace.registries import registries
from ironhull.workspace.repositories import repositories_of


@dataclass(frozen=True, slots=True)
class Locking:
    """Definitions against the archive as one call sees it: it reads a release file once.

    So all images of one call see the same moment of the archive; the next call makes another.
    """

    machine: Machine
    _releases: dict[tuple[Repository, ...], tuple[SuiteRelease, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _archives: dict[tuple[tuple[Repository, ...], str], Archive] = field(
        default_factory=dict, compare=False, repr=False
    )
    _keys: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """By address, with or without a digest."""
    _images: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What tags of followed images are at."""

    @property
    def definitions(self) -> Definitions:
        """Definitions and locks as they are."""
        return Definitions(self.machine)

    def lock(self, name: str, *, update: bool = False, check: bool = False) -> LockResult:
        """Make a lock that is missing, move it to the archive, or compare both (`check`)."""
        path = self.definitions.catalog.find(name)
        file = lock_path(path)
        if check or (file.exists() and not update):
            old = read_lock(file)
            definition = self.definitions.read(
                path, old.variables, self.definitions.pins(old.digests)
            )
            check_lock(old, definition, str(file))
            if not check:
                return LockResult(definition, file, "present", old)
            _, new = self.new_lock(path, old)
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
        self, path: Path, before: Lock | None = None, images: Mapping[str, str] | None = None
    ) -> tuple[ImageDefinition, Lock]:
        """A lock from the archive as it is now, and the definition with its variables.

        `before` is the lock that there was: a key may not be another one now, and a followed image
        that cannot be seen stays. `images` are the digests of those, if somebody has looked.
        """
        root = self.definitions.root(path)
        first = self.definitions.read(path, {})
        digests = self._digests(first, before.digests if before else {})
        taken = self._taken(first, before, images)
        pins = self.definitions.pins(digests)

        def load(variables: Mapping[str, str]) -> ImageDefinition:
            if not variables and not digests:
                return first
            return read(path, variables, root, pins).definition

        archives = self.archives(load({}) if digests else first)
        definition, lock = lock_definition(load, archives, taken)
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
        definition, new = self.new_lock(path, old)
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
        repositories = repositories_of(machine.settings, definition, self._key)
        if repositories not in self._releases:
            self._releases[repositories] = load_releases(repositories, context)
        found: dict[Platform, Archive] = {}
        for platform in definition.platforms:
            key = (repositories, platform.debian)
            if key not in self._archives:
                releases = self._releases[repositories]
                self._archives[key] = open_archive(releases, platform.debian, context)
            found[platform] = self._archives[key]
        return found

    def _taken(
        self, definition: ImageDefinition, before: Lock | None, images: Mapping[str, str] | None
    ) -> dict[str, str]:
        """The variables of followed images: as the tags are now, else as the lock has them.

        EnvironmentProblem for one that has no value at all.
        """
        found: dict[str, str] = {}
        for each in definition.followed:
            name, reference = each.variable, each.reference
            try:
                found[name] = self._image(reference) if images is None else images[reference]
                continue
            except KeyError:
                why = "it cannot be seen now, or is not published yet"
            except IronhullError as error:
                why = str(error)
            if before is not None and name in before.variables:
                found[name], stays = before.variables[name], "what the lock has"
            elif name not in definition.pending:
                stays = "what 'vars' says"
            else:
                raise EnvironmentProblem(
                    f"{each.place}: {reference}, which files are taken from, has no digest: {why}; "
                    f"build it first, or give {name} a value under 'vars'"
                )
            if images is None:
                self.machine.progress.note(f"warning: {reference}: {why}: {stays} holds")
        return found

    def _image(self, reference: str) -> str:
        """The digest that a tag is at, asked for once in a call."""
        if reference not in self._images:
            with registries(self.machine) as opened:
                self._images[reference] = digest_at(self.machine, reference, opened)
        return self._images[reference]

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
