"""What changed from one lock to the next, as values and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ironhull.debian.version import compare
from ironhull.lock.model import BrokenEdge, Lock, LockedPackage, LockedPlatform


class ChangeKind(StrEnum):
    """What became of a package between two locks."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REBUILT = "rebuilt"
    """The same version with other bytes."""


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One binary package that is not the same on these platforms."""

    name: str
    kind: ChangeKind
    before: str
    """Version; empty if added."""
    after: str
    """Version; empty if removed."""
    suite: str
    """Where the new version is; empty if removed."""
    platforms: tuple[str, ...]

    def __str__(self) -> str:
        where = f"({self.suite}), {_listed(self.platforms)}"
        match self.kind:
            case ChangeKind.ADDED:
                return f"{self.name} {self.after} added {where}"
            case ChangeKind.REMOVED:
                return f"{self.name} {self.before} removed, {_listed(self.platforms)}"
            case ChangeKind.REBUILT:
                return f"{self.name} {self.after} has other bytes {where}"
            case ChangeKind.DOWNGRADED:
                return f"{self.name} {self.before} → {self.after}, an older version {where}"
            case ChangeKind.UPGRADED:
                return f"{self.name} {self.before} → {self.after} {where}"


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A release file of another date; empty: there was or is none."""

    repository: str
    suite: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.repository} {self.suite} added, of {self.after}"
        if not self.after:
            return f"{self.repository} {self.suite} removed, of {self.before}"
        return f"{self.repository} {self.suite} of {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class LockDiff:
    """All changes; `packages` is what makes another image."""

    packages: tuple[PackageChange, ...]
    releases: tuple[ReleaseChange, ...]
    others: tuple[str, ...]
    """Variables, platforms, requests and broken edges, in words."""

    @property
    def empty(self) -> bool:
        """Whether both locks say the same."""
        return not (self.packages or self.releases or self.others)

    @property
    def matters(self) -> bool:
        """Whether more than the dates of release files changed."""
        return bool(self.packages or self.others)

    def lines(self) -> list[str]:
        """One line a change: packages, then the rest, then release files."""
        return [*map(str, self.packages), *self.others, *map(str, self.releases)]


def diff(old: Lock, new: Lock) -> LockDiff:
    """What is in `new` and was not in `old`, or the other way round; by name of the package."""
    return LockDiff(_packages(old, new), _releases(old, new), tuple(_others(old, new)))


def _packages(old: Lock, new: Lock) -> tuple[PackageChange, ...]:
    found: dict[tuple[str, ChangeKind, str, str, str], list[str]] = {}
    # A platform that only one of the locks has is said once, not for each of its packages.
    for platform in sorted(set(old.platforms) & set(new.platforms)):
        before, after = (_named(lock.platforms[platform]) for lock in (old, new))
        for name in sorted(set(before) | set(after)):
            change = _change(before.get(name), after.get(name))
            if change is not None:
                found.setdefault((name, *change), []).append(platform)
    return tuple(
        PackageChange(name, kind, was, now, suite, tuple(platforms))
        for (name, kind, was, now, suite), platforms in sorted(found.items())
    )


def _named(platform: LockedPlatform) -> dict[str, LockedPackage]:
    """Packages by name; those of a build stage say so."""
    found = {str(package.name): package for package in platform.packages}
    for name, stage in platform.stages.items():
        found |= {f"{package.name} (in stage {name})": package for package in stage.packages}
    return found


def _change(
    before: LockedPackage | None, after: LockedPackage | None
) -> tuple[ChangeKind, str, str, str] | None:
    if after is None:
        return None if before is None else (ChangeKind.REMOVED, before.version, "", "")
    if before is None:
        return ChangeKind.ADDED, "", after.version, after.suite
    if before.sha256 == after.sha256:
        return None
    order = compare(after.version, before.version)
    kind = (ChangeKind.REBUILT, ChangeKind.UPGRADED, ChangeKind.DOWNGRADED)[order]
    return kind, before.version, after.version, after.suite


def _releases(old: Lock, new: Lock) -> tuple[ReleaseChange, ...]:
    before = {(release.repository, release.suite): release for release in old.releases}
    after = {(release.repository, release.suite): release for release in new.releases}
    changes = []
    for key in sorted(set(before) | set(after)):
        was, now = before.get(key), after.get(key)
        if was is None or now is None or was.digest != now.digest:
            changes.append(ReleaseChange(*key, was.date if was else "", now.date if now else ""))
    return tuple(changes)


def _others(old: Lock, new: Lock) -> Iterable[str]:
    for platform in sorted(set(old.platforms) ^ set(new.platforms)):
        yield f"platform {platform} {'added' if platform in new.platforms else 'removed'}"
    for request in sorted(set(old.requests) ^ set(new.requests)):
        yield f"request {request} {'added' if request in new.requests else 'removed'}"
    for name in sorted(set(old.variables) | set(new.variables)):
        was, now = old.variables.get(name, "-"), new.variables.get(name, "-")
        if was != now:
            yield f"{name} {was} → {now}"
    for address in sorted(set(old.digests) & set(new.digests)):
        if old.digests[address] != new.digests[address]:
            yield f"{address} has other bytes"
    before, after = _broken(old), _broken(new)
    words: dict[str, list[str]] = {}
    for platform, edge in sorted(before ^ after, key=str):
        verb = "goes without" if (platform, edge) in after else "no longer goes without"
        line = f"{edge.package} {verb} {edge.relation} (!{edge.excluded})"
        words.setdefault(line, []).append(platform)
    for line in sorted(words):
        yield f"{line}, {_listed(words[line])}"


def _broken(lock: Lock) -> set[tuple[str, BrokenEdge]]:
    return {(name, edge) for name, platform in lock.platforms.items() for edge in platform.broken}


def _listed(platforms: Sequence[str]) -> str:
    names = [platform.removeprefix("linux/") for platform in platforms]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else names[0]
