"""`${NAME}` and `${NAME:regex}` in a definition, and how a variable follows the archive.

A value may use other variables. `$${` stands for a literal `${`. Keys are never replaced.

The image's version is the tracked variable that its tags begin with (`${NODE_VERSION}-debian13`),
or, where none does, the only one that they use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ironhull.definition.model import Place, Track
from ironhull.definition.patterns import compile_pattern
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
from ironhull.errors import InputError

VERSION_KEY = "org.opencontainers.image.version"
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
MAX_VALUE = 1024
MAX_TEXT = 1024 * 1024
"""Of any text after its variables are replaced."""
MAX_MATCHED = 128
"""Of a value that an expression is applied to."""
_START = re.compile(rf"\$\$\{{|\$\{{({NAME})([:}}])")
# Where a tracked variable cannot be used: these decide what is asked of the archive.
_BEFORE_THE_LOCK = ("contents", "platforms", "os-release", "image", "includes", "track")


def tracked_value(track: Track, version: str) -> str:
    """What a version of the archive gives a tracked variable: the first group of `match`."""
    pattern = compile_pattern(track.match, groups=1)
    found = pattern.search(version[:MAX_MATCHED]) if isinstance(pattern, re.Pattern) else None
    if found is None or found[1] is None:
        raise InputError(
            f"{track.place}: version {version} of {track.package} does not fit {track.match!r}; "
            f"change 'match' so that its first group is the value of {track.variable}"
        )
    return found[1]


class Missing(Enum):
    """Why there is no text."""

    WAITS = "the lock gives it"
    BROKEN = "an error was reported"


@dataclass(slots=True)
class Substitution:
    """Replaces variables in a tree."""

    declared: Mapping[str, Scalar]
    """From `vars`."""
    given: Mapping[str, str]
    """From the lock; they win."""
    tracked: frozenset[str]
    problems: Problems
    pending: set[str] = field(default_factory=set)
    """Tracked variables that were met and have no value yet."""
    _done: dict[str, str | Missing] = field(default_factory=dict)
    _active: list[str] = field(default_factory=list)

    def definition(self, root: MapNode) -> MapNode:
        """The whole tree; tags that use a variable without a value are left out."""
        entries = {}
        for key, entry in root.entries.items():
            value = entry.value
            if key == "tags" and isinstance(value, ListNode):
                tags = [(tag, self._node(tag, False)) for tag in value.items]
                kept = tuple(tag for old, tag in tags if not self._waits(old))
                value = ListNode(value.place, kept)
            elif key != "vars":
                value = self._node(value, key in _BEFORE_THE_LOCK)
            entries[key] = Pair(entry.place, value)
        return MapNode(root.place, entries)

    def version(self, root: MapNode) -> str:
        """The image's version, as the lock has it; '' if the tags do not tell or the lock waits."""
        entry = root.entries.get("tags")
        if entry is None or not isinstance(entry.value, ListNode):
            return ""
        texts = [tag.text for tag in entry.value.items if isinstance(tag, Scalar)]
        first = {name for text in texts for name in self._followed(text, leading=True)}
        names = first or {name for text in texts for name in self._followed(text)}
        if len(names) > 1 and not _says_version(root):
            self.problems.warn(
                entry.place,
                f"the tags follow {', '.join(sorted(names))}: which one is the image's version? "
                f"(write it under 'labels' and 'annotations' as {VERSION_KEY})",
            )
        return self.given.get(names.pop(), "") if len(names) == 1 else ""

    def _followed(self, text: str, *, leading: bool = False) -> set[str]:
        """Tracked variables that a text is made of, also by way of `vars`; or begins with."""
        found: set[str] = set()
        seen: set[str] = set()
        texts = [text]
        while texts:
            for use in _START.finditer(texts.pop()):
                name = use[1]
                if leading and use.start() > 0:
                    break
                if name in self.tracked:
                    found.add(name)
                elif name in self.declared and name not in seen:
                    seen.add(name)
                    texts.append(self.declared[name].text)
        return found

    def _waits(self, node: Node) -> bool:
        if not isinstance(node, Scalar):
            return False
        names = (found[1] for found in _START.finditer(node.text) if found[1])
        return any(self._done.get(name) is Missing.WAITS for name in names)

    def _node(self, node: Node, early: bool) -> Node:
        """The node with variables replaced; `early` if it has to be known before the lock is."""
        match node:
            case Scalar():
                if "${" not in node.text or node.kind is not ScalarKind.TEXT:
                    return node
                return self._scalar(node, early)
            case ListNode():
                return ListNode(node.place, tuple(self._node(item, early) for item in node.items))
            case MapNode():
                return MapNode(
                    node.place,
                    {
                        key: Pair(entry.place, self._node(entry.value, early))
                        for key, entry in node.entries.items()
                    },
                )

    def _scalar(self, node: Scalar, early: bool) -> Scalar:
        waits: list[str] = []
        text = self._text(node.text, node.place, waits)
        if early and waits:
            self.problems.error(
                node.place,
                f"${{{waits[0]}}} gets its value only from the lock: give it one under 'vars', or "
                "do not use it here",
            )
            text = Missing.BROKEN
        if isinstance(text, Missing):
            return Scalar(node.place, node.text, ScalarKind.BROKEN)
        return Scalar(node.place, text, ScalarKind.TEXT)

    def _text(self, text: str, place: Place, waits: list[str]) -> str | Missing:
        """The text with its variables replaced; names without a value yet are added to `waits`."""
        parts: list[str | Missing] = []
        position = size = 0
        while (start := _START.search(text, position)) is not None:
            parts.append(text[position : start.start()])
            position = start.end()
            if start[1] is None:
                parts.append("${")
                continue
            pattern = ""
            if start[2] == ":":
                end = _closing_brace(text, position)
                if end < 0:
                    self.problems.error(place, f"${{{start[1]}: has no closing brace")
                    return Missing.BROKEN
                pattern, position = text[position:end], end + 1
            value = self._value(start[1], place)
            if value is Missing.WAITS:
                waits.append(start[1])
                value = text[start.start() : position]
            elif isinstance(value, str) and pattern:
                value = self._group(start[1], value, pattern, place)
            parts.append(value)
            size += len(value) if isinstance(value, str) else 0
            if size > MAX_TEXT:
                self.problems.error(place, f"with its variables, longer than {MAX_TEXT} characters")
                return Missing.BROKEN
        parts.append(text[position:])
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(parts) else Missing.BROKEN

    def _value(self, name: str, place: Place) -> str | Missing:
        if name not in self._done:
            self._done[name] = self._find(name, place)
        elif not any(name in known for known in (self.declared, self.given, self.tracked)):
            # Said at every place where it is used.
            self._unknown(name, place)
        return self._done[name]

    def _find(self, name: str, place: Place) -> str | Missing:
        if name in self._active:
            way = " → ".join([*self._active[self._active.index(name) :], name])
            self.problems.error(place, f"variables go in a circle: {way}")
            return Missing.BROKEN
        value: str | Missing
        if name in self.given:
            value = self.given[name]
        elif name in self.declared:
            declared = self.declared[name]
            waits: list[str] = []
            self._active.append(name)
            value = self._text(declared.text, declared.place, waits)
            self._active.pop()
            if waits and isinstance(value, str):
                return Missing.WAITS
        elif name in self.tracked:
            self.pending.add(name)
            return Missing.WAITS
        else:
            self._unknown(name, place)
            return Missing.BROKEN
        if isinstance(value, str) and len(value) > MAX_VALUE:
            self.problems.error(place, f"the value of {name} has more than {MAX_VALUE} characters")
            return Missing.BROKEN
        return value

    def _unknown(self, name: str, place: Place) -> None:
        known = {*self.declared, *self.tracked, *self.given}
        hint = did_you_mean(name, known) if known else " (the file has no 'vars')"
        end = "" if hint.endswith("?") else "."
        self.problems.error(
            place,
            f"unknown variable {name!r:.60}{hint}{end} A literal is written $${{{name:.60}}}.",
        )

    def _group(self, name: str, value: str, pattern: str, place: Place) -> str | Missing:
        compiled = compile_pattern(pattern, groups=1)
        if isinstance(compiled, str):
            self.problems.error(place, compiled)
            return Missing.BROKEN
        found = compiled.search(value) if len(value) <= MAX_MATCHED else None
        if found is None or found[1] is None:
            self.problems.error(place, f"the value {value!r:.60} of {name} does not fit {pattern}")
            return Missing.BROKEN
        return found[1]


def _says_version(root: MapNode) -> bool:
    """Whether the definition itself writes what its version is."""
    sections = [root.entries.get(key) for key in ("labels", "annotations")]
    return any(
        isinstance(section.value, MapNode) and VERSION_KEY in section.value.entries
        for section in sections
        if section is not None
    )


def _closing_brace(text: str, start: int) -> int:
    """The index of the brace that closes `${NAME:`; braces inside the pattern come in pairs."""
    depth, index = 1, start
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return -1
