"""Packages of a lock that the archive has newer: asked of the archive once for all images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ironhull.archive.interface import Archive
from ironhull.debian.package import BinaryPackage
from ironhull.debian.version import compare
from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock, LockedPackage
from ironhull.oci.platform import Platform
from ironhull.watch.model import Update


@dataclass(frozen=True, slots=True)
class Newest:
    """The archives of some images, asked for each package once."""

    archives: Mapping[Platform, Archive]
    _known: dict[tuple[str, str, str], Update | None] = field(default_factory=dict, repr=False)

    def updates(self, definition: ImageDefinition, lock: Lock) -> tuple[Update, ...]:
        """What of the lock is newer in the archive, each once, by package.

        A package that the definition pins does not move, and one that the archive has only older or
        not at all any more is no update. Whether an update can be had is for the resolver to say.
        """
        pinned = {each.name for each in definition.packages if each.version is not None}
        return tuple(sorted(set(self._updates(lock, pinned))))

    def _updates(self, lock: Lock, pinned: set[str]) -> Iterator[Update]:
        for platform, archive in self.archives.items():
            locked = lock.platforms.get(str(platform))
            for package in locked.packages if locked else ():
                if package.name in pinned:
                    continue
                key = (archive.architecture, package.name, package.sha256)
                if key not in self._known:
                    self._known[key] = _update(package, archive)
                found = self._known[key]
                if found is not None:
                    yield found


def _update(package: LockedPackage, archive: Archive) -> Update | None:
    versions = archive.versions(package.name)
    if not versions or not _newer(versions[0], package):
        return None
    newest = versions[0]
    return Update(
        package.name,
        package.version,
        newest.version,
        newest.source,
        package.source_version,
        newest.source_version,
        newest.suite,
    )


def _newer(newest: BinaryPackage, package: LockedPackage) -> bool:
    order = compare(newest.version, package.version)
    return order > 0 or (order == 0 and newest.sha256 != package.sha256)
