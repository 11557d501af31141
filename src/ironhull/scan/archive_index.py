"""What an archive offers today, by its own index of packages; as the tracker saw it: `index`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ironhull.debian.package import BinaryPackage
from ironhull.debian.version import compare


class InstalledIndex:
    """Versions that the suites of an archive have of the sources of what is installed.

    A source is known by its binaries: one whose binaries the archive has under no name that is
    installed is not known here, which does not say that the archive lacks it.
    """

    def __init__(self, packages: Iterable[BinaryPackage]) -> None:
        self._suites: dict[str, dict[str, str]] = {}
        for package in packages:
            suites = self._suites.setdefault(package.source, {})
            known = suites.get(package.suite)
            if known is None or compare(known, package.source_version) < 0:
                suites[package.suite] = package.source_version

    def offers(self, source: str) -> Mapping[str, str] | None:
        """As `LiveIndex.offers`."""
        return self._suites.get(source)
