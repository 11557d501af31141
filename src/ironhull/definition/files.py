"""The files of one definition: itself, what it includes, what it takes its bytes from.

All of them lie below one folder, the tree: the catalog's root, or the definition's own folder. A
path that leaves it, also through a symlink, is refused. A path is of the folder of the file that
names it; where that has no such file, of the folder that the catalog stands in, as the public
catalog writes them (`image/web/bin/start.sh`).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection
from dataclasses import field
from pathlib import Path

from ironhull.definition.format import FOLLOWED, FORMAT, IMAGE
from ironhull.definition.model import Place
from ironhull.definition.pins import NOTHING, Pins
from ironhull.definition.shape import FixedKeys, ListOf, Shape
from ironhull.definition.text import MAX_BYTES, parse
from ironhull.definition.tree import ListNode, MapNode, Node, Pair, Problems, Scalar, ScalarKind
from ironhull.errors import DefinitionError, Problem
from ironhull.oci.digest import Digest
from ironhull.settings import Unpinned
from ironhull.values import dataclass

MAX_INCLUDES = 64
MAX_INCLUDE_DEPTH = 8
MAX_TEXTS = 4 * 1024 * 1024
"""Of a definition and all that it includes, together."""
MAX_SOURCE = 4 * 1024 * 1024
MAX_MEMBERS = 2000
"""Paths of a folder that `paths` copies."""
MAX_SOURCES = 16 * 1024 * 1024
"""Of all files that `paths` and `contents.keyring` read, together."""

DISTRIBUTION = re.compile(r"[a-z]+-[0-9]+(?:\.[0-9]+)*")
_CATALOG_NAMES = ("images", "image")
_WITHOUT_RELEASE = ("debian", "alpine")
"""Folders of a distribution in the public catalog as it was at first."""


def tree_of(path: Path) -> Path:
    """The folder that the files of a definition may not leave, as its path alone tells it.

    `…/images/<image>/<distribution>/<tag>.yaml` is in the catalog `…/images`; a catalog of another
    name has to be passed. Any other file has its own folder.
    """
    folder = path.absolute().parent
    if DISTRIBUTION.fullmatch(folder.name) or folder.name in _WITHOUT_RELEASE:
        for root in folder.parents[1:3]:
            if root.name in _CATALOG_NAMES:
                return root
    return folder


@dataclass(slots=True)
class Files:
    """Opens the files of one definition and merges them."""

    tree: Path
    problems: Problems
    real: dict[str, Path] = field(default_factory=dict)
    """Of every definition file read, by the name that places show."""
    pins: Pins = NOTHING
    addressed: set[str] = field(default_factory=set)
    """What the definition names by address alone, without a digest of its own."""
    texts: dict[str, bytes] = field(default_factory=dict)
    """The bytes of every file read, by its path in the tree: the definition, includes, sources."""
    first_line: str = ""
    """Of the definition itself."""
    _way: list[Path] = field(default_factory=list)
    _real_tree: str = ""
    _left: int = MAX_SOURCES
    _text_left: int = MAX_TEXTS

    def read(self, path: Path) -> MapNode:
        """The definition with what it includes underneath it."""
        real = Path(os.path.realpath(path))
        data = _bytes(real, MAX_BYTES, Place(str(path), 0, 0))
        self._keep(real, data)
        self.first_line = data.split(b"\n", 1)[0][:500].decode("utf-8", "replace")
        return self._merged(str(path), real, data)

    def locked_digest(self, kind: Unpinned, address: str, place: Place) -> Digest | None:
        """The digest that the lock has of an address without one; see `Pins.digest`."""
        self.addressed.add(address)
        return self.pins.digest(kind, address, place, self.problems)

    def source(self, relative: str, place: Place) -> bytes | None:
        """The bytes of a file named beside a definition; None after an error was reported."""
        real = self.place_inside(relative, place)
        if real is None:
            return None
        try:
            data = _bytes(real, min(MAX_SOURCE, self._left), place)
        except DefinitionError as error:
            self.problems.errors.update(error.problems)
            return None
        self._left -= len(data)
        self._keep(real, data)
        return data

    def folder(self, relative: str, place: Place) -> dict[str, bytes | None]:
        """All below a folder beside a definition, sorted: a file's bytes, None for a folder.

        Empty after an error was reported.
        """
        real = self.place_inside(relative, place)
        if real is None:
            return {}
        if not real.is_dir():
            self.problems.error(place, f"{relative:.100} is not a folder")
            return {}
        found: dict[str, bytes | None] = {}
        for above, folders, names in os.walk(real):
            folders.sort()
            inner = os.path.relpath(above, real)
            for name in [*folders, *sorted(names)]:
                path = os.path.normpath(f"{inner}/{name}")
                if len(found) >= MAX_MEMBERS:
                    self.problems.error(place, f"more than {MAX_MEMBERS} paths in {relative:.100}")
                    return {}
                whole = os.path.normpath(f"{relative}/{path}")
                found[path] = None if name in folders else self.source(whole, place)
        return dict(sorted(found.items()))

    def _keep(self, real: Path, data: bytes) -> None:
        path, above = str(real), f"{self._root()}/"
        inside = path.startswith(above)
        self.texts[path[len(above) :] if inside else os.path.relpath(path, above)] = data

    def _root(self) -> str:
        if not self._real_tree:
            self._real_tree = os.path.realpath(self.tree)
        return self._real_tree

    def place_inside(self, relative: str, place: Place) -> Path | None:
        """The real path of a file that a definition names; None after an error was reported."""
        if relative.startswith("/") or "\0" in relative:
            self.problems.error(place, f"{relative!r:.100} is not relative to this file")
            return None
        tried = []
        for base in self._bases(place):
            real = Path(os.path.realpath(base / relative))
            if not real.is_relative_to(self._root()):
                continue
            if _is_there(real):
                return real
            tried.append(str(real))
        if tried:
            self.problems.error(
                place,
                f"{relative:.100} cannot be read: {os.strerror(errno.ENOENT)} "
                f"(tried {' and '.join(tried)})",
            )
        else:
            self.problems.error(
                place, f"{relative!r:.100} leads out of {self.tree}, the folder of the definitions"
            )
        return None

    def _bases(self, place: Place) -> list[Path]:
        """The folders that a relative path may be of, the nearest first."""
        catalog = self.tree.parent if self.tree.name in _CATALOG_NAMES else self.tree
        return list(dict.fromkeys([self.real[place.file].parent, Path(os.path.realpath(catalog))]))

    def _merged(self, shown: str, real: Path, data: bytes) -> MapNode:
        self.real[shown] = real
        own = parse(data, shown, self.problems)
        if not isinstance(own, MapNode):
            place = own.place
            raise DefinitionError(
                [Problem(shown, place.line, place.column, f"expected a map, got {own.shown}")]
            )
        includes = own.entries.get("includes")
        if includes is None:
            return own
        self._way.append(real)
        below: MapNode | None = None
        for place, text in self._included(includes.value):
            part = self._include(shown, place, text)
            if part is not None:
                below = part if below is None else _merge_maps(below, part, FORMAT)
        self._way.pop()
        rest = {key: entry for key, entry in own.entries.items() if key != "includes"}
        own = MapNode(own.place, rest)
        return own if below is None else _merge_maps(below, own, FORMAT)

    def _included(self, node: Node) -> list[tuple[Place, str]]:
        values = FORMAT.keys["includes"].shape.read(node, self.problems)
        return [(item.place, item.value) for item in values] if isinstance(values, list) else []

    def _include(self, by: str, place: Place, text: str) -> MapNode | None:
        real = self.place_inside(text, place)
        if real is None:
            return None
        if real in self._way:
            names = " → ".join(path.name for path in [*self._way[self._way.index(real) :], real])
            self.problems.error(place, f"files include each other in a circle: {names}")
            return None
        if real in self.real.values():
            # Reached a second time by another way: it is underneath already.
            return None
        if len(self._way) >= MAX_INCLUDE_DEPTH or len(self.real) >= MAX_INCLUDES:
            limits = f"{MAX_INCLUDE_DEPTH} levels or {MAX_INCLUDES} files"
            self.problems.error(place, f"more than {limits} of includes")
            return None
        try:
            data = _bytes(real, min(MAX_BYTES, self._text_left), place)
            self._text_left -= len(data)
            self._keep(real, data)
            beside = Path(os.path.realpath(self.real[by].parent / text)) == real
            way = text if beside else os.path.relpath(real, self.real[by].parent)
            return self._merged(os.path.normpath(Path(by).parent / way), real, data)
        except DefinitionError as error:
            self.problems.errors.update(error.problems)
            return None


def _is_there(path: Path) -> bool:
    """Whether there is anything; what may not be looked at is said when it is opened."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def _bytes(path: Path, limit: int, place: Place) -> bytes:
    """A regular file's bytes; DefinitionError at the place that names it."""
    try:
        # Non-blocking, so that a pipe in the place of a file cannot hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            problem = "is not a regular file"
        else:
            with open(descriptor, "rb") as file:
                data = file.read(limit + 1)
            if len(data) <= limit:
                return data
            problem = f"is larger than {limit} bytes"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    message = problem if place.line == 0 else f"{path.name} {problem}"
    raise DefinitionError([Problem(place.file, place.line, place.column, message)])


def _merge_maps(below: MapNode, own: MapNode, shape: Shape | None) -> MapNode:
    entries = dict(below.entries)
    for key, entry in own.entries.items():
        under = entries.get(key)
        entries[key] = entry if under is None else _merge(under, entry, _inner(shape, key))
    return MapNode(own.place, entries)


def _merge(below: Pair, own: Pair, shape: Shape | None) -> Pair:
    """Maps merge; lists: included first, then own; of anything else the own wins."""
    if isinstance(below.value, MapNode) and isinstance(own.value, MapNode):
        return Pair(own.place, _merge_maps(below.value, own.value, shape))
    replaced = not isinstance(shape, ListOf) or shape.replaced
    if isinstance(below.value, ListNode) and isinstance(own.value, ListNode) and not replaced:
        items = below.value.items + own.value.items
        return Pair(own.place, ListNode(own.value.place, items))
    return own


def _inner(shape: Shape | None, key: str) -> Shape | None:
    if isinstance(shape, FixedKeys) and key in shape.keys:
        return shape.keys[key].shape
    return None


def declared_variables(root: MapNode) -> dict[str, Scalar]:
    """`vars`, as they stand there."""
    entry = root.entries.get("vars")
    if entry is None or not isinstance(entry.value, MapNode):
        return {}
    return {
        key: value.value
        for key, value in entry.value.entries.items()
        if isinstance(value.value, Scalar)
    }


def tracked_variables(root: MapNode) -> frozenset[str]:
    """The names that `track` sets."""
    return _set_by(root, (FOLLOWED, IMAGE))


def image_variables(root: MapNode) -> frozenset[str]:
    """Those of them that are digests of images."""
    return _set_by(root, (IMAGE,))


def _set_by(root: MapNode, kinds: Collection[str]) -> frozenset[str]:
    entry = root.entries.get("track")
    if entry is None or not isinstance(entry.value, ListNode):
        return frozenset()
    names = set()
    for item in entry.value.items:
        if not isinstance(item, MapNode) or _kind_of(item) not in kinds:
            continue
        value = item.entries.get("set")
        if (
            value is not None
            and isinstance(value.value, Scalar)
            and value.value.kind is ScalarKind.TEXT
        ):
            names.add(value.value.text)
    return frozenset(names)


def _kind_of(track: MapNode) -> str:
    kind = track.entries.get("type")
    if kind is None or not isinstance(kind.value, Scalar):
        return FOLLOWED
    # An image without `package` is not told in a way that can be followed.
    return kind.value.text if kind.value.text != IMAGE or "package" in track.entries else ""
