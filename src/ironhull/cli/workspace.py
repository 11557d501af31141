"""What verbs that build and lock share: definitions, locks, repositories, archives, packages.

The mirror is never in code: option, setting `mirror`, then the machine's own apt sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ironhull.archive.debian import ArchiveContext, SuiteRelease, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, Snapshot, default_transfer
from ironhull.archive.interface import Archive, Repository, Wanted
from ironhull.archive.mirror import find_repositories
from ironhull.cli.settings import Settings
from ironhull.definition.catalog import Catalog
from ironhull.definition.model import ImageDefinition
from ironhull.definition.reader import read
from ironhull.errors import InputError, LockError
from ironhull.lock.file import lock_path, read_lock, write_lock
from ironhull.lock.make import Archives, lock_definition, moved
from ironhull.lock.model import Lock
from ironhull.lock.unsolvable import misspelt_exclusions
from ironhull.oci.platform import Platform
from ironhull.progress import Progress

_MAX_KEY = 1 << 20


@dataclass(frozen=True, slots=True)
class Workspace:
    """The catalog, the mirror and the store that one command works with."""

    settings: Settings
    progress: Progress
    mirror: str | None = None
    keyring: Path | None = None
    offline: bool = False
    _releases: dict[tuple[Repository, ...], tuple[SuiteRelease, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _keys: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

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
        loaded = read(path, variables, self._root(path))
        for warning in loaded.warnings:
            self.progress.note(f"warning: {warning}")
        return loaded.definition

    def _root(self, path: Path) -> Path | None:
        """The catalog's folder, which bounds includes, for a definition of the catalog."""
        root = self.settings.catalog
        return root if path.absolute().is_relative_to(root.absolute()) else None

    def new_lock(self, path: Path) -> tuple[ImageDefinition, Lock]:
        """A lock from the archive as it is now, and the definition with its variables."""
        root = self._root(path)

        def load(variables: Mapping[str, str]) -> ImageDefinition:
            return read(path, variables, root).definition

        archives = self.archives(self.read(path, {}))
        definition, lock = lock_definition(load, archives)
        for line in misspelt_exclusions(definition.packages, list(archives.values())):
            self.progress.note(f"warning: {line}")
        return definition, lock

    def update_lock(self, path: Path) -> tuple[ImageDefinition, Lock | None, Lock]:
        """Move the lock beside a definition to the archive: definition, old lock, new lock.

        A lock that says what the archive says stays as it is, date and all. One that cannot be
        read, or is of something else, is replaced.
        """
        file = lock_path(path)
        old = self._previous(file)
        definition, new = self.new_lock(path)
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
            self.progress.note(f"it is replaced: {error}")
            return None

    def archives(self, definition: ImageDefinition) -> Archives:
        """The archive of each platform of the definition.

        One command reads a release file once, so that all its images see the same moment.
        """
        home = self.settings.home
        context = ArchiveContext(home.archive, progress=self.progress, offline=self.offline)
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
            Repository(
                wanted.name,
                wanted.uri,
                (wanted.suite,),
                wanted.components,
                (*wanted.keyrings, *(self._key(url) for url in wanted.key_urls if keys)),
            )
            for wanted in definition.repositories
        ]
        return [*found, *own]

    def _key(self, url: str) -> bytes:
        """A key that a definition names by address, over TLS or from a file."""
        if urlsplit(url).scheme not in ("https", "file"):
            raise InputError(f"{url}: a key is fetched over https or from a file, nothing else")
        if url not in self._keys:
            pieces: list[bytes] = []
            default_transfer(self.progress.note).get(url, pieces.append, limit=_MAX_KEY)
            self._keys[url] = b"".join(pieces)
        return self._keys[url]

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
