"""Stages of a Dockerfile as a graph: what each is built on, and what it copies from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ironhull.errors import MalformedError
from ironhull.migrate.dockerfile.instruction import KEYWORDS, Instruction
from ironhull.migrate.dockerfile.lexer import Document, Node

MAX_INSTRUCTIONS = 2000
MAX_STAGES = 200
_GAP = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, slots=True)
class From:
    """What stands behind FROM."""

    image: str
    """As written, variables and all: a reference, or the name of an earlier stage."""
    name: str | None
    """Behind AS, as written."""
    platform: str | None


@dataclass(frozen=True, slots=True)
class StageNodes:
    """A stage: its FROM, and the nodes up to the next one's."""

    index: int
    start: Node
    source: From
    nodes: tuple[Node, ...]


def read_from(instruction: Instruction) -> From:
    """What a FROM says; MalformedError with its line if that is not `IMAGE [AS NAME]`."""
    words = _GAP.split(instruction.body) if instruction.body else []
    named = len(words) == 3 and words[1].upper() == "AS"
    if len(words) != 1 and not named:
        raise MalformedError(f"line {instruction.line}: expected FROM IMAGE [AS NAME]")
    return From(words[0], words[2] if named else None, instruction.flag("platform"))


def split(document: Document) -> tuple[tuple[Node, ...], tuple[StageNodes, ...]]:
    """What stands before the first FROM, and the stages; comments above FROM are in the one before.

    MalformedError for an unknown instruction, one that may not stand
    before FROM, or no FROM at all.
    """
    starts: list[int] = []
    sources: list[From] = []
    for at, node in enumerate(document.nodes):
        if node.instruction is None:
            continue
        keyword = node.instruction.keyword
        if keyword not in KEYWORDS:
            raise MalformedError(
                f"line {node.line}: {node.instruction.written:.30} is no instruction of Dockerfiles"
            )
        if keyword == "FROM":
            starts.append(at)
            sources.append(read_from(node.instruction))
        elif not starts and keyword != "ARG":
            raise MalformedError(f"line {node.line}: {keyword} stands before the first FROM")
    if len(document.instructions) > MAX_INSTRUCTIONS or len(starts) > MAX_STAGES:
        raise MalformedError(
            f"{len(document.instructions)} instructions in {len(starts)} stages: at most"
            f" {MAX_INSTRUCTIONS} in {MAX_STAGES} are read"
        )
    if not starts:
        raise MalformedError("no FROM: a Dockerfile names the image that it begins with")
    ends = [*starts[1:], len(document.nodes)]
    stages = [
        StageNodes(index, document.nodes[at], source, document.nodes[at + 1 : end])
        for index, (at, end, source) in enumerate(zip(starts, ends, sources, strict=True))
    ]
    return document.nodes[: starts[0]], tuple(stages)


def parent(stages: tuple[StageNodes, ...], index: int) -> int | None:
    """The index of the earlier stage that this one is built on; None for an image."""
    return found(stages, stages[index].source.image, index)


def found(stages: tuple[StageNodes, ...], name: str, before: int) -> int | None:
    """The last stage before `before` with this name, case aside."""
    for stage in reversed(stages[:before]):
        if stage.source.name is not None and stage.source.name.lower() == name.lower():
            return stage.index
    return None
