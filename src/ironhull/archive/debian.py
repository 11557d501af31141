"""Debian archives: from signed release files to the packages of an architecture.

1. `load_releases` (`archive.releases`) gets InRelease of every suite, all at once, and checks each;
   offline it takes the ones that were verified last, and checks the signature again.
2. `open_archive` finds in each the Packages files of an architecture, gets those that have no index
   yet, by digest, and indexes them (`archive.index`).
3. `DebianArchive` answers from the indexes.

One call of 1 serves several of 2, so that all platforms of an image see the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.archive.fetch import Stoppable, fetch_blob, in_parallel, pool_path
from ironhull.archive.index import PackagesIndex, build_index, index_path, open_index
from ironhull.archive.interface import Download, ReleaseRecord
from ironhull.archive.releases import (
    ArchiveContext,
    SuiteRelease,
    load_releases,
    suite_address,
    where,
)
from ironhull.archive.stanzas import binary_package, provided_version
from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage
from ironhull.debian.release import IndexFile
from ironhull.debian.version import version_key
from ironhull.errors import EnvironmentProblem, InputError, NotFoundError, UntrustedError
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Architecture
from ironhull.store.blobs import BlobStore
from ironhull.store.files import locked

__all__ = ["ArchiveContext", "DebianArchive", "SuiteRelease", "load_releases", "open_archive"]

_ENDINGS = (".xz", ".gz", "")
# Packages files are read from a table of digests; a size above this is a lie or a mistake.
MAX_PACKAGES = 1 << 30


@dataclass(frozen=True, slots=True)
class _PackagesFile:
    """One Packages file of a suite: where it is and what it must be."""

    suite: SuiteRelease
    component: str
    path: str
    """Below the suite's folder, with its ending."""
    file: IndexFile
    text_size: int | None


@dataclass(frozen=True, slots=True)
class _OpenIndex:
    suite: SuiteRelease
    component: str
    index: PackagesIndex


class DebianArchive:
    """The packages of one architecture over all suites: an `Archive`."""

    def __init__(
        self,
        architecture: Architecture,
        releases: Sequence[SuiteRelease],
        indexes: Sequence[_OpenIndex],
    ) -> None:
        self._architecture = architecture
        self._releases = tuple(release.record for release in releases)
        self._indexes = tuple(indexes)
        self._versions: dict[str, tuple[BinaryPackage, ...]] = {}
        self._providers: dict[str, tuple[tuple[BinaryPackage, DebianVersion | None], ...]] = {}

    @property
    def architecture(self) -> Architecture:
        """As `Archive.architecture`."""
        return self._architecture

    @property
    def releases(self) -> tuple[ReleaseRecord, ...]:
        """As `Archive.releases`."""
        return self._releases

    def versions(self, name: str) -> Sequence[BinaryPackage]:
        """Every package of this name, highest version first; of equals, the earlier suite first."""
        if name not in self._versions:
            found = self._packages(name, PackagesIndex.stanzas)
            found = [package for package in found if package.name == name]
            found.sort(key=lambda package: version_key(package.version), reverse=True)
            self._versions[name] = tuple(found)
        return self._versions[name]

    def providers(self, name: str) -> Sequence[tuple[BinaryPackage, DebianVersion | None]]:
        """Packages whose Provides names this, and the version provided; by name, then version."""
        if name not in self._providers:
            found = self._packages(name, PackagesIndex.providers)
            found.sort(key=lambda package: (package.name, version_key(package.version)))
            self._providers[name] = tuple((p, provided_version(p, name)) for p in found)
        return self._providers[name]

    def names(self) -> list[str]:
        """All binary package names, sorted."""
        return sorted({name for open_ in self._indexes for name in open_.index.names()})

    def close(self) -> None:
        """Close the indexes; the archive cannot be asked any more."""
        for open_ in self._indexes:
            open_.index.close()

    def _packages(
        self, name: str, ask: Callable[[PackagesIndex, str], list[bytes]]
    ) -> list[BinaryPackage]:
        packages = [
            binary_package(raw, open_.suite.repository.name, open_.suite.suite, open_.component)
            for open_ in self._indexes
            for raw in ask(open_.index, name)
        ]
        return [p for p in packages if p.architecture in (self._architecture, "all")]


def open_archive(
    releases: Sequence[SuiteRelease], architecture: Architecture, context: ArchiveContext
) -> DebianArchive:
    """The packages of an architecture; downloads and indexes what was not seen before."""
    files = [file for suite in releases for file in _packages_files(suite, architecture)]
    lacking = [file for file in files if not _is_indexed(file, context)]
    if lacking and context.offline:
        raise EnvironmentProblem(
            f"{where(lacking[0].suite)} has a package index that was never read on this machine"
            f" ({lacking[0].path}): run once with the network"
        )
    if lacking:
        transfer = context.transfer(context.progress.note)
        total = sum(file.file.size for file in lacking)
        advance = Stoppable(context.progress.start("reading package indexes", total, "bytes"))
        in_parallel(
            lambda file: _read_packages(file, transfer, context, advance),
            lacking,
            context.jobs,
            advance.stop,
        )
    return DebianArchive(architecture, releases, list(_opened(files, context)))


def _opened(files: Sequence[_PackagesFile], context: ArchiveContext) -> Iterator[_OpenIndex]:
    for file in files:
        index = open_index(_index_path(file, context))
        if index is None:
            raise EnvironmentProblem(
                f"{_index_path(file, context)} has gone while it was needed:"
                " is another process cleaning the cache? Try again"
            )
        yield _OpenIndex(file.suite, file.component, index)


def _is_indexed(file: _PackagesFile, context: ArchiveContext) -> bool:
    index = open_index(_index_path(file, context))
    if index is not None:
        index.close()
    return index is not None


def _index_path(file: _PackagesFile, context: ArchiveContext) -> Path:
    return index_path(context.cache / "indexes", file.file.digest)


def _read_packages(
    file: _PackagesFile, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    """Download, index, and forget the download: the index has all of it.

    Of several processes that need it at once, one does the work.
    """
    with locked(context.cache / "locks" / f"{hex_of(file.file.digest)}.lock"):
        if not _is_indexed(file, context):
            _download_and_index(file, transfer, context, advance)


def _download_and_index(
    file: _PackagesFile, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    store = BlobStore(context.cache / "downloads")
    digest, size = file.file.digest, file.file.size
    name = f"{where(file.suite)} {file.path}"
    if not store.has(digest):
        plain = suite_address(file.suite.repository, file.suite.suite, file.path)
        urls = [plain]
        if file.suite.release.by_hash:
            urls.insert(0, f"{plain.rpartition('/')[0]}/by-hash/SHA256/{hex_of(digest)}")
        try:
            fetch_blob(transfer, store, urls, digest, size, advance)
        except NotFoundError as error:
            raise NotFoundError(
                f"{name}: the release file lists it, and the mirror does not have it ({error})."
                " The mirror may be in the middle of an update, or incomplete: try again later; "
                + file.suite.repository.remedy
            ) from None
    try:
        with store.open(digest) as source:
            path = _index_path(file, context)
            build_index(path, source, name, digest, file.text_size)
    finally:
        store.remove(digest)


def _packages_files(suite: SuiteRelease, architecture: Architecture) -> Iterator[_PackagesFile]:
    """Packages files that hold the architecture; a suite without it has none."""
    release, repository = suite.release, suite.repository
    if suite.suite.endswith("/"):
        yield from _packages_file(suite, "", "Packages")
        return
    known = release.architectures
    if known and architecture not in known:
        raise InputError(
            f"{where(suite)} has no architecture {architecture} (it has: {', '.join(known)})"
        )
    for component in repository.components:
        if release.components and component not in release.components:
            raise InputError(
                f"{where(suite)}: unknown component {component!r}"
                f" (it has: {', '.join(release.components)})"
            )
        paths = [f"{component}/binary-{architecture}/Packages"]
        if release.all_is_separate:
            paths.append(f"{component}/binary-all/Packages")
        if not any(path + ending in release.files for path in paths for ending in _ENDINGS):
            raise NotFoundError(
                f"{where(suite)}: the release file lists no Packages file of component"
                f" {component!r} for {architecture}"
            )
        for path in paths:
            yield from _packages_file(suite, component, path)


def _packages_file(suite: SuiteRelease, component: str, path: str) -> Iterator[_PackagesFile]:
    """The smallest form of it that is listed; none if it is empty."""
    files = suite.release.files
    text = files.get(path)
    if text is not None and text.size == 0:
        return
    for ending in _ENDINGS:
        file = files.get(path + ending)
        if file is not None:
            if max(file.size, text.size if text else 0) > MAX_PACKAGES:
                raise UntrustedError(
                    f"{where(suite)}: {path} claims more than {MAX_PACKAGES} bytes"
                )
            size = text.size if text is not None else None
            yield _PackagesFile(suite, component, pool_path(path + ending), file, size)
            return
