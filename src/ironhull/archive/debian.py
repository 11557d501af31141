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

from ironhull.archive.index import PackagesIndex
from ironhull.archive.index_files import (
    ENDINGS,
    ListedIndex,
    OpenIndex,
    listed_index,
    opened_indexes,
)
from ironhull.archive.interface import ReleaseRecord
from ironhull.archive.releases import (
    ArchiveContext,
    SuiteRelease,
    load_releases,
    where,
)
from ironhull.archive.stanzas import binary_package, provided_versions
from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage
from ironhull.debian.version import version_key
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.platform import Architecture

__all__ = ["ArchiveContext", "DebianArchive", "SuiteRelease", "load_releases", "open_archive"]


class DebianArchive:
    """The packages of one architecture over all suites: an `Archive`."""

    def __init__(
        self,
        architecture: Architecture,
        releases: Sequence[SuiteRelease],
        indexes: Sequence[OpenIndex],
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
        """Packages whose Provides names this, by name and version, with each version provided."""
        if name not in self._providers:
            found = self._packages(name, PackagesIndex.providers)
            found.sort(key=lambda package: (package.name, version_key(package.version)))
            self._providers[name] = tuple(
                (p, version) for p in found for version in provided_versions(p, name)
            )
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
    files = [file for suite in releases for file in packages_files(suite, architecture)]
    return DebianArchive(architecture, releases, opened_indexes(files, context))


def packages_files(suite: SuiteRelease, architecture: Architecture) -> Iterator[ListedIndex]:
    """Packages files that hold the architecture; a suite without it has none."""
    release, repository = suite.release, suite.repository
    if suite.suite.endswith("/"):
        yield from listed_index(suite, "", "Packages")
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
        if not any(path + ending in release.files for path in paths for ending in ENDINGS):
            raise NotFoundError(
                f"{where(suite)}: the release file lists no Packages file of component"
                f" {component!r} for {architecture}"
            )
        for path in paths:
            yield from listed_index(suite, component, path)
