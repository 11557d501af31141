"""What an archive offers today, as the tracker saw it; from its own index: `archive_index`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ironhull.advisories.database import Database
from ironhull.advisories.model import InArchive


class TrackerIndex:
    """Versions that the tracker saw in the suites of one release."""

    def __init__(self, rows: Iterable[InArchive]) -> None:
        self._suites: dict[str, dict[str, str]] = {}
        for row in rows:
            self._suites.setdefault(row.source, {})[row.suite] = row.version

    def offers(self, source: str) -> Mapping[str, str] | None:
        """As `LiveIndex.offers`."""
        return self._suites.get(source)


def tracker_index(database: Database, sources: Iterable[str], release: str) -> TrackerIndex:
    """The index of one release that the database itself holds."""
    return TrackerIndex(database.in_archive(sources, release))
