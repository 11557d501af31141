"""`${NAME}`, `${NAME:regex}` and `#{ … }` in a definition, and how a variable follows the archive.

A value may use other variables. `$${` stands for a literal `${`, `##{` for `#{`. Keys are never
replaced. What names no variable is the shell's or someone else's and stays as it is; outside of
commands and files' contents that is said.

What depends on the platform can stand in the entries of `paths` and of `contents.files`,
`artifacts` and `builds`, which then become one entry for each platform. An entry whose `if` is not
true is left out.

The image's version is the tracked variable that its tags begin with (`${NODE_VERSION}-debian13`),
or, where none does, the only one that they use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from ironhull.definition.expressions import (
    NAMES,
    OF_THE_PLATFORM,
    NotSimpleError,
    Value,
    evaluate,
)
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
from ironhull.values import dataclass

VERSION_KEY = "org.opencontainers.image.version"
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
MAX_VALUE = 1024
MAX_TEXT = 1024 * 1024
"""Of any text after its variables are replaced."""
MAX_MATCHED = 128
"""Of a value that an expression is applied to."""
_START = re.compile(
    rf"\$\$\{{|##\{{|#\{{|\$\{{(?:vars\.(?={NAME}[:}}]))?({NAME}(?:\.[a-z]+)?)([:}}])"
)
_LITERAL = {"$${": "${", "##{": "#{"}
# `${NAME:-text}` and its like are the shell's; no regular expression with a group begins so.
_OF_THE_SHELL = ("-", "=", "?", "+")
_COMMANDS = ("entrypoint", "cmd", "tests", "healthcheck")
_TEXTS = ("content", "runs", "with")
STAGE_FOLDERS = {"source.dir": "/src", "target.dir": "/target"}
"""What a build stage calls the folder of what it builds, and of what it made."""
_SPREAD = ("files", "artifacts", "builds")
MAX_PLATFORMS = 16
_DEFAULT_PLATFORMS = ("linux/amd64", "linux/arm64")
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
    VARIES = "it depends on the platform"
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
    images: frozenset[str] = frozenset()
    """Tracked ones that are digests of images: what is taken out of those can wait for the lock."""
    pending: set[str] = field(default_factory=set)
    """Tracked variables that were met and have no value yet."""
    target: dict[str, Value] = field(default_factory=dict)
    """What is known of the image that is made, by `expressions.NAMES`."""
    _kept: dict[Place, str] = field(default_factory=dict)
    """A name that is no variable, where its use was kept as text."""
    _in_stage: bool = False
    _taking: bool = False
    """Whether it is of an entry that may be taken out of an image: `artifacts`, `builds`."""
    _quiet: bool = False
    """Whether that is usual where we are: in commands and in files' contents."""
    _done: dict[str, str | Missing] = field(default_factory=dict)
    _active: list[str] = field(default_factory=list)

    def definition(self, root: MapNode) -> MapNode:
        """The whole tree; tags that use a variable without a value are left out."""
        flavor = self._plain(root, "flavor", "")
        dev = self._plain(root, "variant", "") == "dev"
        self.target = {"target.dev": dev, "target.flavor": flavor, "target.fips": False}
        platforms = self._listed(root, _DEFAULT_PLATFORMS)
        entries = {}
        for key, entry in root.entries.items():
            value = entry.value
            self._quiet = key in _COMMANDS
            if key == "tags" and isinstance(value, ListNode):
                tags = [(tag, self._node(tag, False)) for tag in value.items]
                kept = tuple(tag for old, tag in tags if not self._waits(old))
                value = ListNode(value.place, kept)
            elif key == "contents" and isinstance(value, MapNode):
                value = self._contents(value, platforms)
            elif key == "paths":
                value = self._spread(value, False, platforms)
            elif key != "vars":
                value = self._node(value, key in _BEFORE_THE_LOCK)
            entries[key] = Pair(entry.place, value)
        return MapNode(root.place, entries)

    def explain(self) -> None:
        """Add to errors that a name which is no variable may be their reason."""
        for problem in list(self.problems.errors):
            name = self._kept.get(Place(problem.file, problem.line, problem.column))
            if name is not None:
                self.problems.errors.discard(problem)
                message = f"{problem.message} ({self._no_variable(name)})"
                self.problems.errors.add(replace(problem, message=message))

    def _plain(self, root: MapNode, key: str, default: str) -> str:
        entry = root.entries.get(key)
        node = None if entry is None else self._node(entry.value, False)
        return node.text if isinstance(node, Scalar) else default

    def _listed(self, root: MapNode, default: Sequence[str]) -> Sequence[str]:
        """The platforms that a map is for, as texts."""
        entry = root.entries.get("platforms")
        node = None if entry is None else self._node(entry.value, True)
        if not isinstance(node, ListNode):
            return default
        texts = dict.fromkeys(item.text for item in node.items if isinstance(item, Scalar))
        return list(texts)[:MAX_PLATFORMS]

    def _contents(self, contents: MapNode, platforms: Sequence[str]) -> MapNode:
        entries = {}
        for key, entry in contents.entries.items():
            if key in _SPREAD:
                self._in_stage, self._taking = key == "builds", key != "files"
                entries[key] = Pair(entry.place, self._spread(entry.value, True, platforms))
                self._in_stage = self._taking = False
            else:
                entries[key] = Pair(entry.place, self._node(entry.value, True))
        return MapNode(contents.place, entries)

    def _spread(self, node: Node, early: bool, platforms: Sequence[str]) -> Node:
        """The list, with an entry that depends on the platform once for each of them."""
        if not isinstance(node, ListNode):
            return self._node(node, early)
        items: list[Node] = []
        for item in node.items:
            if not isinstance(item, MapNode) or not self._varies(item):
                items += self._items((item,), early)
                continue
            for platform in self._listed(item, platforms):
                items += self._on(platform, item, early)
        return ListNode(node.place, tuple(items))

    def _items(self, items: Iterable[Node], early: bool) -> Iterator[Node]:
        """The items with variables replaced, without those whose `if` is not true."""
        for item in items:
            if isinstance(item, MapNode) and "if" in item.entries:
                rest = {key: entry for key, entry in item.entries.items() if key != "if"}
                if not self._holds(item.entries["if"].value):
                    continue
                item = MapNode(item.place, rest)
            yield self._node(item, early)

    def _holds(self, node: Node) -> bool:
        """Whether an `if` is true; after an error, which is reported, too."""
        text = node.text.strip() if isinstance(node, Scalar) else ""
        if not text:
            self.problems.error(node.place, f"expected an expression, got {node.shown}")
            return True
        if text.startswith("#{") and text.endswith("}"):
            text = text[2:-1]
        waits: list[str] = []
        found = self._text(text, node.place, waits)
        value = self._expression(found, True, node.place) if isinstance(found, str) else found
        if value is Missing.VARIES:
            self.problems.error(node.place, "depends on the platform, which cannot be here")
        elif waits or (isinstance(value, str) and value not in ("true", "false")):
            self.problems.error(node.place, f"{node.shown} is neither true nor false")
        return value != "false"

    def _on(self, platform: str, item: MapNode, early: bool) -> Iterator[Node]:
        """The entry as it is on one platform, and for that one only; none if its `if` is false."""
        system, _, architecture = platform.partition("/")
        target, done = self.target, self._done
        self.target = {**target, "target.os": system, "target.arch": architecture.split("/")[0]}
        self._done = {}
        nodes = list(self._items((item,), early))
        self.target, self._done = target, done
        only = ListNode(item.place, (Scalar(item.place, platform, ScalarKind.TEXT),))
        for node in nodes:
            if isinstance(node, MapNode):
                node = MapNode(node.place, {**node.entries, "platforms": Pair(item.place, only)})
            yield node

    def _varies(self, node: Node) -> bool:
        if isinstance(node, Scalar):
            return "{" in node.text and self._depends(node.text, set())
        if isinstance(node, ListNode):
            return any(self._varies(item) for item in node.items if not _is_plain(item))
        for key, entry in node.entries.items():
            if key == "if" and _of_the_platform(entry.value):
                return True
            if not _is_plain(entry.value) and self._varies(entry.value):
                return True
        return False

    def _depends(self, text: str, seen: set[str]) -> bool:
        """Whether a text uses what only a platform decides, also by way of `vars`."""
        if "#{" in text and any(word in text for word in OF_THE_PLATFORM):
            return True
        for use in _START.finditer(text):
            name = use[1]
            if name in OF_THE_PLATFORM:
                return True
            if name in self.declared and name not in seen and name not in self.given:
                seen.add(name)
                if self._depends(self.declared[name].text, seen):
                    return True
        return False

    def version(self, root: MapNode) -> str:
        """The image's version, as the lock has it; '' if the tags do not tell or the lock waits."""
        entry = root.entries.get("tags")
        if entry is None or not isinstance(entry.value, ListNode):
            return ""
        texts = [tag.text for tag in entry.value.items if isinstance(tag, Scalar)]
        first = {name for text in texts for name in self._followed(text, leading=True)}
        names = (first or {name for text in texts for name in self._followed(text)}) - self.images
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
        if isinstance(node, Scalar):
            # `${` or `#{`: the shortest test first, nearly no text has either.
            if "{" not in node.text or node.kind is not ScalarKind.TEXT:
                return node
            return self._scalar(node, early)
        if isinstance(node, ListNode):
            if all(map(_is_plain, node.items)):
                return node
            if self._in_stage:
                return ListNode(node.place, tuple(self._items(node.items, early)))
            return ListNode(node.place, tuple([self._node(item, early) for item in node.items]))
        quiet, entries = self._quiet, {}
        for key, entry in node.entries.items():
            old = entry.value
            if _is_plain(old):
                entries[key] = entry
                continue
            self._quiet = quiet or key in _TEXTS
            value = self._node(old, early)
            entries[key] = entry if value is old else Pair(entry.place, value)
        self._quiet = quiet
        return MapNode(node.place, entries)

    def _scalar(self, node: Scalar, early: bool) -> Scalar:
        waits: list[str] = []
        text = self._text(node.text, node.place, waits)
        if early and waits:
            if not (self._taking and all(self._is_digest(name) for name in waits)):
                self.problems.error(
                    node.place,
                    f"${{{waits[0]}}} gets its value only from the lock: give it one under "
                    "'vars', or do not use it here",
                )
            text = Missing.BROKEN
        if text is Missing.VARIES:
            self.problems.error(
                node.place,
                "depends on the platform, which only an entry of 'paths' or of 'contents.files', "
                "'artifacts' or 'builds' can: "
                "write the value, or an image for each platform",
            )
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
            if start[0] in _LITERAL:
                parts.append(_LITERAL[start[0]])
                continue
            if start[0] == "#{":
                end = _closing_brace(text, position)
                inside = text[position : end if end >= 0 else None]
                parts.append(self._expression(inside, end >= 0, place))
                position = end + 1 if end >= 0 else len(text)
                continue
            if not self._is_variable(start[1]) or _is_the_shells(start, text):
                parts.append(self._keep(start, place))
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
        if len(texts) == len(parts):
            return "".join(texts)
        return Missing.BROKEN if Missing.BROKEN in parts else Missing.VARIES

    def _expression(self, text: str, closed: bool, place: Place) -> str | Missing:
        """The value of `#{ text }`."""
        try:
            if not closed:
                raise NotSimpleError("it has no closing brace")
            value = evaluate(text, self.target)
        except KeyError:
            return Missing.VARIES
        except NotSimpleError as error:
            self.problems.error(
                place,
                f"the expression #{{{text.strip():.80}}} is not evaluated: {error}; write the "
                "value, or ##{ for a literal #{",
            )
            return Missing.BROKEN
        return value if isinstance(value, str) else str(value).lower()

    def _is_digest(self, name: str) -> bool:
        """Whether nothing but digests of images is what a variable lacks."""
        return self._followed(f"${{{name}}}") <= self.images

    def _is_variable(self, name: str) -> bool:
        known = (self.declared, self.given, self.tracked, NAMES)
        return any(name in names for names in known) or (self._in_stage and name in STAGE_FOLDERS)

    def _keep(self, start: re.Match[str], place: Place) -> str:
        """What begins a use of no variable, as it stands there."""
        if not self._is_variable(start[1]) and place not in self._kept:
            self._kept[place] = start[1]
            if not self._quiet:
                self.problems.warn(
                    place, f"{self._no_variable(start[1])}: ${{{start[1]:.60}}} is kept as text"
                )
        return start[0]

    def _no_variable(self, name: str) -> str:
        known = {*self.declared, *self.tracked, *self.given}
        hint = did_you_mean(name, known) if known else " (the file has no 'vars')"
        return f"no variable {name!r:.60}{hint.removesuffix('?')}"

    def _value(self, name: str, place: Place) -> str | Missing:
        if name in STAGE_FOLDERS:
            return STAGE_FOLDERS[name]
        if name in NAMES:
            value = self.target.get(name, Missing.VARIES)
            return str(value).lower() if isinstance(value, bool) else value
        if name not in self._done:
            self._done[name] = self._find(name, place)
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
        else:
            self.pending.add(name)
            return Missing.WAITS
        if isinstance(value, str) and len(value) > MAX_VALUE:
            self.problems.error(place, f"the value of {name} has more than {MAX_VALUE} characters")
            return Missing.BROKEN
        return value

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


def _is_plain(node: Node) -> bool:
    """Whether it is a single value without any variable, as nearly all are."""
    return type(node) is Scalar and "{" not in node.text


def _of_the_platform(node: Node) -> bool:
    """Whether an `if` asks for the platform: it may do without the signs of an expression."""
    return isinstance(node, Scalar) and any(word in node.text for word in OF_THE_PLATFORM)


def _is_the_shells(start: re.Match[str], text: str) -> bool:
    return start[2] == ":" and text.startswith(_OF_THE_SHELL, start.end())


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
