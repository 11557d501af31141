"""What an archive offers today, from where that is known: the tracker's export, or its index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ironhull.advisories.database import Database
from ironhull.advisories.model import InArchive
from ironhull.debian.package import BinaryPackage


class TrackerIndex:
    """Versions that the tracker saw in the suites of one release."""

    def __init__(self, rows: Iterable[InArchive]) -> None:
        self._suites: dict[str, dict[str, str]] = {}
        for row in rows:
            self._suites.setdefault(row.source, {})[row.suite] = row.version

    def offers(self, source: str) -> Mapping[str, str] | None:
        return self._suites.get(source)


class ArchiveIndex:
    """Versions in the Packages indexes of all enabled suites of one release.

    It is complete: a source that it does not have is not in the release.
    """

    def __init__(self, packages: Iterable[BinaryPackage]) -> None:
        self._suites: dict[str, dict[str, str]] = {}
        for package in packages:
            self._suites.setdefault(package.source, {})[package.suite] = package.source_version

    def offers(self, source: str) -> Mapping[str, str] | None:
        return self._suites.get(source, {})


def tracker_index(database: Database, sources: Iterable[str], release: str) -> TrackerIndex:
    """The index of one release that the database itself holds."""
    return TrackerIndex(database.in_archive(sources, release))
