"""Definitions of systems whose packages Ironhull does not read: refused once, not for each package.

All else of them is checked.
"""

from __future__ import annotations

from ironhull.definition.tree import ListNode, MapNode, Node, Pair, Scalar

SYSTEMS = {"alpine": "apk"}
"""Distributions of the public catalog whose packages are not read, and what those are."""
_OF_THE_ARCHIVE = ("repositories", "keyring", "packages", "recommends", "mappings")


def without_foreign(root: MapNode) -> MapNode:
    """The tree without what is asked of an archive that is not read, in stages neither."""
    contents = root.entries.get("contents")
    if contents is None or distribution_of(root) not in SYSTEMS:
        return root
    kept = _without(contents.value)
    return MapNode(root.place, {**root.entries, "contents": Pair(contents.place, kept)})


def distribution_of(root: MapNode) -> str:
    """`os-release.id` as it stands there; empty if it does not."""
    section = root.entries.get("os-release")
    if section is None or not isinstance(section.value, MapNode):
        return ""
    name = section.value.entries.get("id")
    return name.value.text if name is not None and isinstance(name.value, Scalar) else ""


def _without(contents: Node) -> Node:
    if not isinstance(contents, MapNode):
        return contents
    kept = {key: one for key, one in contents.entries.items() if key not in _OF_THE_ARCHIVE}
    builds = kept.get("builds")
    if builds is not None and isinstance(builds.value, ListNode):
        stages = tuple(_stage(item) for item in builds.value.items)
        kept["builds"] = Pair(builds.place, ListNode(builds.value.place, stages))
    return MapNode(contents.place, kept)


def _stage(item: Node) -> Node:
    if not isinstance(item, MapNode) or "contents" not in item.entries:
        return item
    inner = item.entries["contents"]
    pair = Pair(inner.place, _without(inner.value))
    return MapNode(item.place, {**item.entries, "contents": pair})
