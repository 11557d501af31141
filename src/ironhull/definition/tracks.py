"""`track` → how variables follow the archive and images; what follows others is told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ironhull.definition.format import FOLLOWED, IMAGE, REGISTRY
from ironhull.definition.model import ImageTrack, Place, Track
from ironhull.definition.patterns import compile_pattern
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import ListNode, MapNode, Node, Problems, Scalar, ScalarKind
from ironhull.errors import InputError
from ironhull.oci.reference import NAME, TAG, Reference, names_registry

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def tracks_of(record: ReadMap, problems: Problems) -> tuple[Track, ...]:
    """What follows the archive, each variable once."""
    tracks: list[Track] = []
    declared = record.get("vars", {})
    for item in record.items("track"):
        value: ReadMap = item.value
        if _is_image(value):
            continue
        if value.get("type", FOLLOWED) != FOLLOWED:
            _not_followed(value, item.place, declared, problems)
            continue
        name = _variable(value, problems)
        if name is None:
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
        if name in {track.variable for track in tracks}:
            problems.error(value.at("set"), f"variable {name} is tracked twice")
        tracks.append(Track(package.rpartition("/")[2], match, name, item.place))
    return tuple(tracks)


def images_of(record: ReadMap, problems: Problems) -> tuple[ImageTrack, ...]:
    """What follows images, each variable once."""
    found: dict[str, ImageTrack] = {}
    packages = {
        name.text
        for item in record.items("track")
        if not _is_image(item.value) and isinstance(name := item.value.get("set"), Scalar)
    }
    for item in record.items("track"):
        value: ReadMap = item.value
        if not _is_image(value):
            continue
        name, text = _variable(value, problems), value.get("package", "")
        if "match" in value.node.entries:
            problems.error(value.at("match"), "is for versions: an image's digest is taken whole")
        if text and not _is_tag(text):
            problems.error(
                value.at("package"),
                f"expected an image by its tag, as python:3.13 of the own catalog or {REGISTRY}"
                f"registry.example/base/python:3.13, got {text!r:.200}",
            )
            continue
        if name in packages or name in found:
            problems.error(value.at("set"), f"variable {name} is tracked twice")
        elif name is not None and text:
            found[name] = ImageTrack(text, name, item.place)
    return tuple(found.values())


def _is_image(value: ReadMap) -> bool:
    return value.get("type") == IMAGE and "package" in value.node.entries


def _is_tag(text: str) -> bool:
    """Whether it says where the tag is: in the own catalog, or in which registry."""
    if not text.startswith(REGISTRY):
        name, _, tag = text.partition(":")
        return not names_registry(text) and bool(NAME.fullmatch(name) and TAG.fullmatch(tag))
    place = text.removeprefix(REGISTRY)
    try:
        return names_registry(place) and bool(Reference.parse(place).tag)
    except InputError:
        return False


def _variable(value: ReadMap, problems: Problems) -> str | None:
    """The one name that `set` has; None after an error."""
    name = value.get("set")
    if isinstance(name, Scalar) and _VARIABLE.fullmatch(name.text):
        return name.text
    if name is not None:
        problems.error(value.at("set"), f"expected a variable's name, got {name.shown}")
    return None


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
