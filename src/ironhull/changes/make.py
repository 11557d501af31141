"""A comparison of two builds → what is worth telling of the newer one."""

from __future__ import annotations

from collections.abc import Callable

from ironhull.changes.model import BaseChanges, BuildChanges, SourceChange
from ironhull.compare.model import Comparison, Unknown, VersionChange
from ironhull.debian.changelog import ChangelogEntry
from ironhull.inventory.model import Package

Entries = Callable[[Package, str], tuple[tuple[ChangelogEntry, ...], str]]
"""A binary package of the newer build and the source version of the older: entries, or why none."""

_NO_BASES = BaseChanges()


def changes_of(
    comparison: Comparison, entries: Entries, bases: BaseChanges | Unknown = _NO_BASES
) -> BuildChanges:
    """The changelog of the first compared image; `entries` looks into package files.

    A source is asked for by its binary packages one after the other until one has entries: which of
    them carries the changelog is the packager's choice.
    """
    older = {
        (package.name, package.version): package.source_version
        for package in comparison.baseline.inventory.packages
        if package.type == "deb"
    }
    grouped: dict[str, list[VersionChange]] = {}
    for change in comparison.pairs[0].packages.versions:
        if change.package.type == "deb":
            grouped.setdefault(change.package.source, []).append(change)
    return BuildChanges(
        comparison,
        tuple(_source(name, grouped[name], older, entries) for name in sorted(grouped)),
        bases,
    )


def _source(
    name: str,
    moved: list[VersionChange],
    older: dict[tuple[str, str], str],
    entries: Entries,
) -> SourceChange:
    first = moved[0]
    before = older.get((first.package.name, first.before)) or first.before
    after = first.package.source_version or first.after
    if any(change.direction == "downgraded" for change in moved):
        return SourceChange(name, before, after, tuple(moved), note="an older version than before")
    note = ""
    for change in moved:
        found, why = entries(change.package, before)
        if found:
            return SourceChange(name, before, after, tuple(moved), found)
        note = note or why
    return SourceChange(
        name, before, after, tuple(moved), note=note or "its package files have no changelog"
    )
