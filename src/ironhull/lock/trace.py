"""Ways through a lock: from what was asked for to a package, and from a package to who needs it."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.lock.model import LockedPackage, LockedPlatform, Reason, ReasonKind

MAX_WAYS = 50


@dataclass(frozen=True, slots=True)
class Step:
    """A package on a way, and why the one before it (or the definition) brings it in."""

    package: LockedPackage
    reason: Reason


Way = tuple[Step, ...]
"""From a requested package to the one in question."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The shortest ways to a package; `more`: there are more than the limit."""

    ways: tuple[Way, ...]
    more: bool


def ways_to(platform: LockedPlatform, name: str, limit: int = MAX_WAYS) -> Ways:
    """All shortest ways from a request to the package, in the order of names; none if not in."""
    packages: dict[str, LockedPackage] = {p.name: p for p in platform.packages}
    if name not in packages:
        return Ways((), False)
    distance = _distances(packages)
    found: list[Way] = []
    # Depth first from the package back towards the requests, always one step nearer to them.
    stack: list[tuple[str, Way]] = [(name, ())]
    while stack and len(found) <= limit:
        current, rest = stack.pop()
        package = packages[current]
        wanted = distance[current] - 1
        for reason in reversed(package.reasons):
            way = (Step(package, reason), *rest)
            if reason.kind is ReasonKind.REQUESTED:
                if wanted == 0:
                    found.append(way)
            elif distance.get(reason.by) == wanted and wanted > 0:
                stack.append((reason.by, way))
    return Ways(tuple(found[:limit]), len(found) > limit)


def _distances(packages: dict[str, LockedPackage]) -> dict[str, int]:
    """Steps from the definition: 1 for what it asks for itself."""
    needing: dict[str, list[str]] = {}
    reached = {}
    for name, package in packages.items():
        for reason in package.reasons:
            if reason.kind is ReasonKind.REQUESTED:
                reached[name] = 1
            else:
                needing.setdefault(reason.by, []).append(name)
    edge = sorted(reached)
    steps = 1
    while edge:
        steps += 1
        following = {name for owner in edge for name in needing.get(owner, ())} - set(reached)
        reached |= dict.fromkeys(following, steps)
        edge = sorted(following)
    return reached
