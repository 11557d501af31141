"""`track` → how variables follow the archive; what follows something else is told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ironhull.definition.format import FOLLOWED
from ironhull.definition.model import Place, Track
from ironhull.definition.patterns import compile_pattern
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import ListNode, MapNode, Node, Problems, Scalar, ScalarKind

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def tracks_of(record: ReadMap, problems: Problems) -> tuple[Track, ...]:
    """What follows the archive, each variable once."""
    tracks: list[Track] = []
    declared = record.get("vars", {})
    for item in record.items("track"):
        value: ReadMap = item.value
        if value.get("type", FOLLOWED) != FOLLOWED:
            _not_followed(value, item.place, declared, problems)
            continue
        name = value.get("set")
        if not isinstance(name, Scalar) or not _VARIABLE.fullmatch(name.text):
            if name is not None:
                problems.error(value.at("set"), f"expected a variable's name, got {name.shown}")
            continue
        package = value.get("package", "")
        if not package.startswith("pkg:deb/"):
            if "package" not in value.node.entries or package:
                where = value.at("package")
                problems.error(where, f"expected pkg:deb/debian/NAME, got {package!r:.60}")
            continue
        match = value.get("match", "^(.*)$")
        compiled = compile_pattern(match, groups=1)
        if isinstance(compiled, str):
            problems.error(value.at("match"), compiled)
        if name.text in {track.variable for track in tracks}:
            problems.error(value.at("set"), f"variable {name.text} is tracked twice")
        tracks.append(Track(package.rpartition("/")[2], match, name.text, item.place))
    return tuple(tracks)


def _not_followed(
    value: ReadMap, place: Place, declared: Mapping[str, str], problems: Problems
) -> None:
    """Of what a lock cannot prove, the value under `vars` holds; without one, it is an error."""
    kind, wanted = value.get("type"), value.get("set")
    names = {node.text for node in _variables_of(wanted)} if wanted is not None else set()
    missing = sorted(names - set(declared))
    if missing:
        problems.error(
            value.at("set"),
            f"{kind!r} is not followed: give {missing[0]:.60} its value under 'vars'",
        )
        return
    problems.warn(place, f"{kind!r} is not followed: what 'vars' says holds")


def _variables_of(node: Node) -> Iterator[Scalar]:
    """The names that a `set` has: one, a list of maps with `var`, or the keys of a map."""
    match node:
        case Scalar():
            yield node
        case ListNode():
            for item in node.items:
                named = item.entries.get("var") if isinstance(item, MapNode) else None
                if named is not None and isinstance(named.value, Scalar):
                    yield named.value
        case MapNode():
            for key, entry in node.entries.items():
                yield Scalar(entry.place, key, ScalarKind.TEXT)
