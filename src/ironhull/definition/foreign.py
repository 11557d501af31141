"""What the public format has and Ironhull does not do: refused by name once, not looked into.

A definition with a build stage has one thing wrong with it, not one for each line of the stage.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ironhull.definition.tree import ListNode, MapNode, Pair, Scalar

NOT_DONE = ("builds", "artifacts")
"""Keys of `contents` that the table of the format refuses with a reason."""
SYSTEMS = {"alpine": "apk"}
"""Distributions of the public catalog whose packages are not read, and what those are."""
_OF_THE_ARCHIVE = ("repositories", "keyring", "packages", "recommends", "mappings")


def without_foreign(root: MapNode) -> MapNode:
    """The tree with `builds` and `artifacts` empty.

    If it is of a distribution whose packages are not read, also without what is asked of its
    archive. The keys that stay are refused where the tree is held against the format.
    """
    contents = root.entries.get("contents")
    if contents is None or not isinstance(contents.value, MapNode):
        return root
    other = distribution_of(root) in SYSTEMS
    kept = _hollow(contents.value, NOT_DONE, _OF_THE_ARCHIVE if other else ())
    entries = {**root.entries, "contents": Pair(contents.place, kept)}
    return replace(root, entries=entries)


def distribution_of(root: MapNode) -> str:
    """`os-release.id` as it stands there; empty if it does not."""
    section = root.entries.get("os-release")
    if section is None or not isinstance(section.value, MapNode):
        return ""
    name = section.value.entries.get("id")
    return name.value.text if name is not None and isinstance(name.value, Scalar) else ""


def _hollow(contents: MapNode, emptied: Collection[str], left_out: Collection[str]) -> MapNode:
    entries = {}
    for key, entry in contents.entries.items():
        if key in emptied:
            entries[key] = Pair(entry.place, ListNode(entry.value.place, ()))
        elif key not in left_out:
            entries[key] = entry
    return replace(contents, entries=entries)
