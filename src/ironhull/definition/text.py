"""YAML text → tree, with bounds on everything that a hostile file could make large.

Only scalars, lists and maps: a tag that would make anything else is refused, and no object of
Python's is ever constructed. Events are read one by one, so that a bound stops the work at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from typing import Any

import yaml

from ironhull.definition.place import Place
from ironhull.definition.tree import ListNode, MapNode, Node, Pair, Problems, Scalar, ScalarKind
from ironhull.errors import DefinitionError, Problem
from ironhull.values import dataclass

MAX_BYTES = 1024 * 1024
MAX_NODES = 20_000
"""Aliases counted as often as they are used."""
MAX_DEPTH = 40

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_TAGS = {
    f"{_CORE}str": ScalarKind.TEXT,
    f"{_CORE}int": ScalarKind.WHOLE,
    f"{_CORE}float": ScalarKind.NUMBER,
    f"{_CORE}bool": ScalarKind.FLAG,
    f"{_CORE}null": ScalarKind.NULL,
}
_COLLECTIONS = (None, "!", f"{_CORE}seq", f"{_CORE}map")
_NUMBERS = (
    (ScalarKind.WHOLE, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        ScalarKind.NUMBER,
        re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
    ),
)

_TEXT = ScalarKind.TEXT
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ScalarKind.NULL),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), ScalarKind.FLAG),
}
_OF_NUMBERS = frozenset("-+.0123456789")
"""How any number begins."""
_NO_PLAIN_TEXT = frozenset(word[:1] for word in _WORDS) | _OF_NUMBERS
"""How a plain scalar begins that may be no text; empty: it is empty."""
# What a NamedTuple's own constructor calls.
_tuple = tuple.__new__


def parse(data: bytes, file: str, problems: Problems) -> Node:
    """The one document of a YAML file.

    Duplicate keys and unknown tags are added to `problems`; DefinitionError where the tree cannot
    be built at all: syntax, encoding, a bound, several documents.
    """
    if len(data) > MAX_BYTES:
        raise _stop(file, 0, 0, f"the file has {len(data)} bytes, the limit is {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise _stop(file, line, column, f"not UTF-8: byte 0x{data[error.start]:02x}") from None
    try:
        return _Composer(file, problems).document(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise _stop(file, line, column, f"not YAML: {what}") from None
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise _stop(file, 0, 0, f"not YAML: {first}") from None


def _stop(file: str, line: int, column: int, message: str) -> DefinitionError:
    return DefinitionError([Problem(file, line, column, message)])


@dataclass(slots=True)
class _Open:
    """A list or map that is being read."""

    place: Place
    anchor: str | None
    start_count: int
    is_map: bool
    broken: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Pair] = field(default_factory=dict)
    key: Scalar | None = None


_NOTHING_OPEN = _Open(Place("", 0, 0), None, 0, is_map=False, broken=False)


@dataclass(slots=True)
class _Composer:
    file: str
    problems: Problems
    count: int = 0
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    """With the number of nodes below."""
    stack: list[_Open] = field(default_factory=list)
    root: Node | None = None

    def document(self, text: str) -> Node:
        loader = _LOADER(text)
        try:
            self._read(loader.get_event)
        finally:
            loader.dispose()
        if self.root is None:
            raise _stop(self.file, 0, 0, "the file is empty")
        return self.root

    def _read(self, next_event: Callable[[], Any]) -> None:
        # By type, and the commonest first: what is done for every value has to be little, so it
        # stands here, and not in functions of its own.
        of_scalars, file, stack, level = yaml.ScalarEvent, self.file, self.stack, _NOTHING_OPEN
        while True:
            event = next_event()
            kind = type(event)
            if kind is of_scalars:
                mark, value = event.start_mark, event.value
                place = _tuple(Place, (file, mark.line + 1, mark.column + 1))
                self.count += 1
                if self.count > MAX_NODES:
                    self._grow(0, place)
                if event.tag is None and (event.style or value[:1] not in _NO_PLAIN_TEXT):
                    node: Scalar = _tuple(Scalar, (place, value, _TEXT))
                else:
                    node = _tuple(Scalar, (place, value, self._kind(event, place)))
                # The two ways that nearly every value goes: a key, and what the key has.
                key = level.key
                if not level.is_map or event.anchor is not None:
                    self._add(node, event.anchor, 1)
                elif key is None:
                    level.key = node
                else:
                    level.key = None
                    if key[1] in level.entries:
                        self._pair(level, key, node)
                    else:
                        level.entries[key[1]] = _tuple(Pair, (key[0], node))
                continue
            if kind is yaml.StreamEndEvent:
                return
            self._structure(event, kind)
            level = stack[-1] if stack else _NOTHING_OPEN

    def _structure(self, event: Any, kind: type) -> None:
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open(event)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent and self.root is not None:
            raise self._stop(self._place(event), "a second document in one file")

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _stop(self, place: Place, message: str) -> DefinitionError:
        return _stop(place.file, place.line, place.column, message)

    def _grow(self, by: int, place: Place) -> None:
        self.count += by
        if self.count > MAX_NODES:
            raise self._stop(place, f"more than {MAX_NODES} values, with aliases expanded")

    def _kind(self, event: Any, place: Place) -> ScalarKind:
        """What a scalar is that has a tag, or may be more than text."""
        tag, value = event.tag, event.value
        if tag is not None and tag != "!":
            if tag in _TAGS:
                return _TAGS[tag]
            self.problems.error(place, f"the tag {tag!r:.100} has no meaning here")
            return ScalarKind.BROKEN
        if tag is None and not event.style:
            if value in _WORDS:
                return _WORDS[value]
            if value[0] in _OF_NUMBERS:
                return next((k for k, form in _NUMBERS if form.fullmatch(value)), _TEXT)
        return _TEXT

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        known = self.anchors.get(event.anchor)
        if known is None:
            inside = any(level.anchor == event.anchor for level in self.stack)
            why = "stands inside what it repeats" if inside else "repeats an anchor that is not set"
            raise self._stop(place, f"the alias *{event.anchor:.60} {why}")
        node, size = known
        self._grow(size, place)
        self._add(node, None, size)

    def _open(self, event: Any) -> None:
        place = self._place(event)
        self._grow(1, place)
        if len(self.stack) >= MAX_DEPTH:
            raise self._stop(place, f"nested more than {MAX_DEPTH} levels deep")
        broken = event.tag not in _COLLECTIONS
        if broken:
            self.problems.error(place, f"the tag {event.tag!r:.100} has no meaning here")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self.stack.append(_Open(place, event.anchor, self.count - 1, is_map, broken))

    def _close(self) -> None:
        level = self.stack.pop()
        node: Node
        if level.broken:
            node = Scalar(level.place, "", ScalarKind.BROKEN)
        elif level.is_map:
            node = MapNode(level.place, level.entries)
        else:
            node = ListNode(level.place, tuple(level.items))
        self._add(node, level.anchor, self.count - level.start_count)

    def _add(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.root = node
            return
        level = self.stack[-1]
        if not level.is_map:
            level.items.append(node)
        elif level.key is None:
            if not isinstance(node, Scalar):
                raise self._stop(node.place, f"a key is a text, got {node.shown}")
            level.key = node
        else:
            key, level.key = level.key, None
            self._pair(level, key, node)

    def _pair(self, level: _Open, key: Scalar, node: Node) -> None:
        place, text, _ = key
        if text in level.entries:
            where = f"line {level.entries[text].place.line}"
            self.problems.error(place, f"key {text!r:.60} stands twice ({where} too)")
        else:
            level.entries[text] = _tuple(Pair, (place, node))
