"""Why a package is in an image, or is not: what a lock and its definition say of it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from ironhull.definition.model import ImageDefinition, PackageRequest
from ironhull.errors import NotFoundError
from ironhull.lock.file import lock_path
from ironhull.lock.model import BrokenEdge, Lock, LockedPackage
from ironhull.lock.trace import Ways, ways_to


@dataclass(frozen=True, slots=True)
class Present:
    """A package that is in the image, with the shortest ways to it."""

    image: str
    platform: str
    package: LockedPackage
    ways: Ways


@dataclass(frozen=True, slots=True)
class Absent:
    """A package that is not in the image."""

    image: str
    platform: str
    package: str
    exclusion: PackageRequest | None
    """The `!name` that keeps it out."""
    broken: tuple[BrokenEdge, ...]
    """Who would need it."""
    elsewhere: tuple[str, ...]
    """Platforms of the lock that have it."""
    similar: tuple[str, ...]
    """Packages of the image with a name like it."""


def presence(
    definition: ImageDefinition, lock: Lock, package: str, platform: str | None = None
) -> Present | Absent:
    """What the lock says of a package; NotFoundError for a platform that it has not.

    Without a platform: the first of the lock.
    """
    chosen = platform or next(iter(lock.platforms))
    locked = lock.platforms.get(chosen)
    if locked is None:
        raise NotFoundError(
            f"{lock_path(definition.file)} has no {chosen} (it has: {', '.join(lock.platforms)})"
        )
    image = f"{definition.image}:{definition.file.stem}"
    found = next((item for item in locked.packages if item.name == package), None)
    if found is not None:
        return Present(image, chosen, found, ways_to(locked, package))
    names = [item.name for item in locked.packages]
    return Absent(
        image,
        chosen,
        package,
        next((r for r in definition.packages if r.excluded and r.name == package), None),
        tuple(edge for edge in locked.broken if edge.excluded == package),
        tuple(
            name
            for name, other in lock.platforms.items()
            if any(item.name == package for item in other.packages)
        ),
        tuple(get_close_matches(package, names, 3, 0.6)),
    )
