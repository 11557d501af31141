"""What differs between two builds, by their facts: packages, findings, layers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironhull.catalog.facts import (
    BuildFacts,
    FindingFacts,
    PlatformFacts,
    ScanFacts,
    SourceWords,
)
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
    """Whether both were scanned whole; without it no finding says nothing."""
    shared_layers: int
    pull: int
    """Bytes that who has the older has to pull."""
    manifest: str = ""
    """Digest of the newer image of the platform."""
    words: tuple[SourceWords, ...] = ()
    """Sources of Debian packages that went up, with what their maintainers say."""


def difference(
    builds: tuple[BuildFacts, BuildFacts],
    platforms: tuple[PlatformFacts, PlatformFacts],
    scans: tuple[ScanFacts | None, ScanFacts | None],
) -> BuildDifference:
    """What changed from an older build to a newer one, on a platform of each, by their scans."""
    (older, newer), (before, after) = builds, platforms
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
        all(each is not None and each.known for each in scans),
        len(after.layers) - len(new_only),
        sum(layer.size for layer in new_only),
        after.digest,
        _sources(before, after, rows),
    )


def _sources(
    before: PlatformFacts, after: PlatformFacts, rows: Iterable[PackageChange]
) -> tuple[SourceWords, ...]:
    """By name, each without what is said of it."""
    moved = {row.name for row in rows if row.type == "deb" and row.direction == "upgraded"}
    older = {each.name: each for each in before.packages if each.type == "deb"}
    found: dict[str, list[str]] = {}
    versions: dict[str, tuple[str, str]] = {}
    for each in after.packages:
        if each.type != "deb" or each.name not in moved or each.name not in older:
            continue
        was, source = older[each.name], each.source or each.name
        versions.setdefault(
            source, (was.source_version or was.version, each.source_version or each.version)
        )
        found.setdefault(source, []).append(each.name)
    return tuple(
        SourceWords(source, *versions[source], tuple(found[source])) for source in sorted(found)
    )


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
