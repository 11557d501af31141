"""What differs between two builds, by their facts: packages, findings, layers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.catalog.facts import BuildFacts, FindingFacts, PlatformFacts, ScanFacts
from ironhull.compare.packages import compare_packages
from ironhull.inventory.model import Package


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that came, went, or is there in another version."""

    name: str
    type: str
    before: str
    """Empty: it was added."""
    after: str
    """Empty: it was removed."""
    direction: str
    """added, removed, upgraded, downgraded or changed."""


@dataclass(frozen=True, slots=True)
class BuildDifference:
    """One build held against an older one, of the same platform."""

    older: str
    newer: str
    older_created: str
    newer_created: str
    platform: str
    packages: tuple[PackageChange, ...]
    same: int
    """Packages that both have in the same version."""
    gone: tuple[FindingFacts, ...]
    """Findings that only the older has."""
    new: tuple[FindingFacts, ...]
    scanned: bool
    """Whether both were scanned; without it no finding says nothing."""
    shared_layers: int
    pull: int
    """Bytes that who has the older has to pull."""


def difference(
    older: BuildFacts,
    newer: BuildFacts,
    scans: tuple[ScanFacts | None, ScanFacts | None],
    platform: str = "",
) -> BuildDifference | None:
    """What changed from `older` to `newer` on a platform that both have; None: there is none."""
    pair = _common(older, newer, platform)
    if pair is None:
        return None
    before, after = pair
    changes = compare_packages(_packages(before), _packages(after))
    rows = [PackageChange(p.name, p.type, "", p.version, "added") for p in changes.added]
    rows += [PackageChange(p.name, p.type, p.version, "", "removed") for p in changes.removed]
    rows += [
        PackageChange(each.package.name, each.package.type, each.before, each.after, each.direction)
        for each in changes.versions
    ]
    old_layers = {layer.digest for layer in before.layers}
    new_only = [layer for layer in after.layers if layer.digest not in old_layers]
    gone, new = _findings(*scans)
    return BuildDifference(
        older.digest,
        newer.digest,
        older.created,
        newer.created,
        after.platform,
        tuple(sorted(rows, key=lambda row: (row.type != "deb", row.name))),
        changes.same,
        gone,
        new,
        all(scans),
        len(after.layers) - len(new_only),
        sum(layer.size for layer in new_only),
    )


def _common(
    older: BuildFacts, newer: BuildFacts, platform: str
) -> tuple[PlatformFacts, PlatformFacts] | None:
    known = {each.platform: each for each in older.platforms}
    for each in newer.platforms:
        if each.platform in known and platform in ("", each.platform):
            return known[each.platform], each
    return None


def _packages(platform: PlatformFacts) -> list[Package]:
    return [
        Package(each.name, each.version, each.type, each.location)  # type: ignore[arg-type]
        for each in platform.packages
    ]


def _findings(
    older: ScanFacts | None, newer: ScanFacts | None
) -> tuple[tuple[FindingFacts, ...], tuple[FindingFacts, ...]]:
    if older is None or newer is None:
        return (), ()
    before = {(each.id, each.package) for each in older.findings}
    after = {(each.id, each.package) for each in newer.findings}
    gone = tuple(each for each in older.findings if (each.id, each.package) not in after)
    return gone, tuple(each for each in newer.findings if (each.id, each.package) not in before)
