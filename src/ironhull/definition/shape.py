"""Shapes of values: one table of them reads a definition and makes its JSON Schema.

A shape reads a node of the tree to a plain value, adds every problem it finds to the problems, and
says the same rule as JSON Schema (2020-12). What it cannot say there (an account that exists, a
path without `..`) is checked where the model is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, NamedTuple, Protocol

from ironhull.definition.place import Place
from ironhull.definition.tree import (
    ListNode,
    MapNode,
    Node,
    Pair,
    Problems,
    Scalar,
    ScalarKind,
    did_you_mean,
)
from ironhull.values import dataclass

MAX_TEXT = 256 * 1024


class Wrong:
    """What a shape gives for a node that it has reported: nobody looks further at it."""


WRONG = Wrong()
_TEXT = ScalarKind.TEXT
# What a NamedTuple's own constructor calls.
_tuple = tuple.__new__


def _is_broken(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind is ScalarKind.BROKEN


class Item(NamedTuple):
    """A value of a list, and where it stands."""

    value: Any
    place: Place


class Shape(Protocol):
    """What a value has to be: checks it, says it in words and as JSON Schema."""

    def read(self, node: Node, problems: Problems) -> Any:
        """The node as a plain value; WRONG after an error was reported."""
        ...

    def schema(self) -> dict[str, Any]:
        """The shape as JSON Schema 2020-12."""
        ...

    @property
    def words(self) -> str:
        """The shape in a few words, for messages and the reference."""
        ...


@cache
def _whole(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """What says whether a text is of the pattern; compiled when it is first asked."""
    return re.compile(pattern).fullmatch


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of a pattern or one of a set."""

    pattern: str | None = None
    """The whole text; in the dialect that Python and JSON Schema share."""
    form: str = "text"
    """The pattern in words, with an example."""
    options: tuple[str, ...] = ()
    longest: int = 4096
    empty: bool = False
    plain: bool = True
    """No control characters; false for contents of files and scripts."""
    variables: bool = True
    """Whether the format has variables: a text with one is judged after it is replaced."""

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return "one of " + ", ".join(self.options) if self.options else self.form

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if type(node) is Scalar and node.kind is _TEXT:
            text, longest = node.text, self.longest
            # What most texts are: neither options nor odd characters, and of the pattern.
            if not self.options and 0 < len(text) <= longest and text.isprintable():
                pattern = self.pattern
                if pattern is None or _whole(pattern)(text):
                    return text
            problem = self._problem(text)
            if problem is None:
                return text
            problems.error(node.place, problem)
        elif not _is_broken(node):
            hint = ""
            if isinstance(node, Scalar) and node.kind is not ScalarKind.NULL:
                hint = f'; put it in quotes: "{node.text:.60}"'
            problems.error(node.place, f"expected {self.words}, got {node.shown}{hint}")
        return WRONG

    def _problem(self, text: str) -> str | None:
        if self.options:
            if text in self.options:
                return None
            return f"unknown value {text!r:.60}{did_you_mean(text, self.options)}"
        if not text and not self.empty:
            return f"expected {self.form}, got an empty text"
        if len(text) > self.longest:
            return f"a text of {len(text)} characters, the limit is {self.longest}"
        # The shortest test first: nearly every text is printable.
        if not text.isprintable():
            bad = re.search("[\x00-\x1f\x7f]" if self.plain else "\x00", text)
            if bad:
                return f"the character {bad[0]!r} is not allowed here"
        if self.pattern is not None and not _whole(self.pattern)(text):
            return f"expected {self.form}, got {text!r:.100}"
        return None

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        if self.options and not self.variables:
            return {"enum": list(self.options)}
        if self.options:
            return {
                "type": "string",
                "anyOf": [{"enum": list(self.options)}, {"pattern": VARIABLE_PATTERN}],
            }
        value: dict[str, Any] = {"type": "string"}
        if not self.empty:
            value["minLength"] = 1
        value["maxLength"] = self.longest
        if self.pattern is not None:
            value["pattern"] = f"^(?:{self.pattern})$"
            if self.variables:
                value["pattern"] += f"|{VARIABLE_PATTERN}"
        return value


VARIABLE_PATTERN = r"\$\{[A-Za-z_]|#\{"


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer within bounds."""

    least: int = 0
    most: int = 2**32 - 2

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if _is_broken(node):
            return WRONG
        if isinstance(node, Scalar) and node.kind is ScalarKind.WHOLE and len(node.text) < 20:
            value = int(node.text, 0) if node.text[:2] in ("0o", "0x") else int(node.text)
            if self.least <= value <= self.most:
                return value
        shown = f"the text {node.shown}" if _is_text(node) else node.shown
        problems.error(node.place, f"expected {self.words}, got {shown}")
        return WRONG

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    words = "true or false"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if _is_broken(node):
            return WRONG
        if isinstance(node, Scalar) and node.kind is ScalarKind.FLAG:
            return node.text.lower() == "true"
        shown = f"the text {node.shown}" if _is_text(node) else node.shown
        problems.error(node.place, f"expected true or false, got {shown}")
        return WRONG

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {"type": "boolean"}


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind is ScalarKind.TEXT


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; `replaced` if an own list takes the place of an included one instead of following."""

    item: Shape
    replaced: bool = False
    fewest: int = 0

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return f"a list of: {self.item.words}"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if _is_broken(node):
            return WRONG
        if not isinstance(node, ListNode):
            problems.error(node.place, f"expected a list, got {node.shown}")
            return WRONG
        if len(node.items) < self.fewest:
            problems.error(node.place, f"expected at least {self.fewest} in the list")
            return WRONG
        values, read = [], self.item.read
        for item in node.items:
            value = read(item, problems)
            if value is not WRONG:
                values.append(_tuple(Item, (value, item.place)))
        return values

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        value: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.fewest:
            value["minItems"] = self.fewest
        return value


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with keys of one's own choice."""

    key: Text
    value: Shape

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return f"a map: {self.key.form} → {self.value.words}"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if _is_broken(node):
            return WRONG
        if not isinstance(node, MapNode):
            problems.error(node.place, f"expected a map, got {node.shown}")
            return WRONG
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            key = self.key.read(_tuple(Scalar, (entry.place, name, _TEXT)), problems)
            value = self.value.read(entry.value, problems)
            if key is not WRONG and value is not WRONG:
                values[key] = value
        return values

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        value: dict[str, Any] = {"type": "object", "additionalProperties": self.value.schema()}
        if self.key.pattern is not None:
            value["propertyNames"] = {"pattern": f"^(?:{self.key.pattern})$"}
        return value


@dataclass(frozen=True, slots=True)
class TextOrList:
    """A string, or a list of strings: a shell's line, or an argument vector."""

    text: Text
    items: ListOf

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return f"{self.text.words}, or {self.items.words}"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if isinstance(node, ListNode):
            values = self.items.read(node, problems)
            complete = values is not WRONG and len(values) == len(node.items)
            return tuple(item.value for item in values) if complete else WRONG
        return self.text.read(node, problems)

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {"anyOf": [self.text.schema(), self.items.schema()]}


@dataclass(frozen=True, slots=True)
class TextOr:
    """A string, or a map that says more."""

    text: Text
    record: FixedKeys

    @property
    def words(self) -> str:
        """As `Shape.words`."""
        return f"{self.text.words}, or a map"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if isinstance(node, MapNode):
            return self.record.read(node, problems)
        return self.text.read(node, problems)

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {"anyOf": [self.text.schema(), self.record.schema()]}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value: gives its node, which who knows more looks into."""

    words = "any value"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        return WRONG if _is_broken(node) else node

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a map with fixed keys: its shape and what it means."""

    shape: Shape
    about: str
    required: bool = False
    ours: bool = False
    """Not in the public format."""
    example: object = None


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """A map with fixed keys; any other key is an error, `refused` ones with a reason."""

    keys: Mapping[str, Key]
    refused: Mapping[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = field(init=False, default=())

    words = "a map"

    def __post_init__(self) -> None:
        needed = tuple(name for name, key in self.keys.items() if key.required)
        object.__setattr__(self, "needed", needed)

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        if _is_broken(node):
            return WRONG
        if not isinstance(node, MapNode):
            problems.error(node.place, f"expected a map, got {node.shown}")
            return WRONG
        values: dict[str, Any] = {}
        keys = self.keys
        for name, entry in node.entries.items():
            key = keys.get(name)
            if key is None:
                problems.error(entry.place, self._unknown(name))
                continue
            value = key.shape.read(entry.value, problems)
            if value is not WRONG:
                values[name] = value
        for name in self.needed:
            if name not in node.entries:
                problems.error(node.place, f"the key {name!r} is missing")
        return ReadMap(node, values)

    def _unknown(self, name: str) -> str:
        if name in self.refused:
            return f"{name!r} {self.refused[name]}"
        if name == "<<":
            return "merge keys (<<) are not part of the format; use 'includes'"
        return f"unknown key {name!r:.60}{did_you_mean(name, self.keys)}"

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        properties = {}
        for name, key in self.keys.items():
            properties[name] = {"description": key.about, **key.shape.schema()}
            if key.example is not None:
                properties[name]["examples"] = [key.example]
        value: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        if self.needed:
            value["required"] = list(self.needed)
        return value


@dataclass(frozen=True, slots=True)
class ReadMap:
    """A map that was read: values by key, and the node for their places."""

    node: MapNode
    values: dict[str, Any]

    @property
    def place(self) -> Place:
        """Where the map stands."""
        return self.node.place

    @property
    def whole(self) -> bool:
        """Whether every key that stands there could be read."""
        return self.values.keys() == self.node.entries.keys()

    def at(self, *keys: str) -> Place:
        """Where a value (or a key's value inside a map of free keys) stands."""
        node: Node = self.node
        for key in keys:
            entry: Pair | None = node.entries.get(key) if isinstance(node, MapNode) else None
            if entry is None:
                return node.place
            node = entry.value
        return node.place

    def get(self, key: str, default: Any = None) -> Any:
        """The plain value."""
        return self.values.get(key, default)

    def record(self, key: str) -> ReadMap:
        """A map with fixed keys; an empty one if absent."""
        value = self.values.get(key)
        return value if isinstance(value, ReadMap) else ReadMap(MapNode(self.at(key), {}), {})

    def items(self, key: str) -> list[Item]:
        """A list's values with their places."""
        return list(self.values.get(key, ()))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list's values alone."""
        return tuple(item.value for item in self.values.get(key, ()))
