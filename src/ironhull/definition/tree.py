"""A YAML document as a tree in which every value knows where it stands; and the problems found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from ironhull.definition.place import Place
from ironhull.errors import Problem
from ironhull.values import dataclass


class ScalarKind(StrEnum):
    """What a scalar is by the core schema of YAML 1.2 (`yes` and dates are text, `010` is ten)."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"
    NULL = "nothing"
    BROKEN = "broken"
    """Reported already: nothing more is said of it."""


class Scalar(NamedTuple):
    """A single value, as it is written."""

    place: Place
    text: str
    kind: ScalarKind

    @property
    def shown(self) -> str:
        """How a message names it."""
        return "nothing" if self.kind is ScalarKind.NULL else f"{self.text!r:.60}"


class ListNode(NamedTuple):
    """A sequence."""

    place: Place
    items: tuple[Node, ...]

    @property
    def shown(self) -> str:
        """How a message names it."""
        return "a list"


class Pair(NamedTuple):
    """A key with the place of the key, and its value."""

    place: Place
    value: Node


class MapNode(NamedTuple):
    """A mapping; a key that stands twice was reported before."""

    place: Place
    entries: dict[str, Pair]

    @property
    def shown(self) -> str:
        """How a message names it."""
        return "a map"


Node = Scalar | ListNode | MapNode


MAX_ERRORS = 200


class TooMany(Exception):
    """More errors than anyone reads: the rest of the work is not done."""


@dataclass(frozen=True, slots=True)
class Problems:
    """What is wrong with the files of one definition, collected while they are read."""

    errors: set[Problem] = field(default_factory=set)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, place: Place, message: str) -> None:
        """Note an error; TooMany when nobody would read more."""
        self.errors.add(Problem(place.file, place.line, place.column, message))
        if len(self.errors) >= MAX_ERRORS:
            raise TooMany

    def warn(self, place: Place, message: str) -> None:
        """Note what a person should know of, though nothing is wrong."""
        if len(self.warnings) < MAX_ERRORS:
            self.warnings.append(Problem(place.file, place.line, place.column, message))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or ` (known: a, b)` if nothing is near; starts with a space."""
    known = sorted(known)
    close = get_close_matches(word, known, 1, 0.6)
    if not close:
        folded = {name.casefold().replace("_", "-"): name for name in known}
        same = folded.get(word.casefold().replace("_", "-"))
        close = [same] if same else []
    if close:
        return f"; did you mean {close[0]!r}?"
    return f" (known: {', '.join(known)})"
