"""YAML as nodes with their places in the text: what is read here is changed sign by sign.

No YAML library writes anything: comments, order, quotes and line ends stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from ironhull.errors import MalformedError

MAX_BYTES = 1 << 18
MAX_DEPTH = 60


class Place:
    """A node and how to walk on from it; what is not there is a place without a node."""

    __slots__ = ("node",)

    def __init__(self, node: yaml.Node | None) -> None:
        self.node = node

    def __bool__(self) -> bool:
        return self.node is not None

    def get(self, *keys: str) -> Place:
        """The value below these keys of mappings."""
        here = self
        for key in keys:
            here = next((value for name, value in here.pairs() if name.text == key), Place(None))
        return here

    def pairs(self) -> Iterator[tuple[Place, Place]]:
        """Keys and values of a mapping; nothing of anything else."""
        if isinstance(self.node, yaml.MappingNode):
            for key, value in self.node.value:
                yield Place(key), Place(value)

    def each(self) -> Iterator[Place]:
        """The members of a sequence; nothing of anything else."""
        if isinstance(self.node, yaml.SequenceNode):
            yield from map(Place, self.node.value)

    @property
    def text(self) -> str:
        """A scalar's value, or ''."""
        return self.node.value if isinstance(self.node, yaml.ScalarNode) else ""

    @property
    def words(self) -> list[str]:
        """A scalar split at blanks, or a sequence's scalars."""
        return [one.text for one in self.each()] or self.text.split()

    @property
    def line(self) -> int:
        """Where it begins, the first line being 1; 0 if it is not there."""
        return self.node.start_mark.line + 1 if self.node is not None else 0

    @property
    def span(self) -> tuple[int, int]:
        """Where a scalar stands in the text, quotes included."""
        if self.node is None:
            return 0, 0
        return self.node.start_mark.index, self.node.end_mark.index


def documents(data: bytes, name: str) -> tuple[str, list[Place]]:
    """The text and its documents; MalformedError, with the line, for what is no YAML of ours."""
    if len(data) > MAX_BYTES:
        raise MalformedError(f"{name}: more than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        loader = yaml.SafeLoader(text)
        nodes = []
        while loader.check_node():
            nodes.append(loader.get_node())
    except UnicodeDecodeError as error:
        raise MalformedError(f"{name}: not UTF-8 at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise MalformedError(f"{name}:{line}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise MalformedError(f"{name}: no YAML: {str(error)[:200]}") from None
    return text, [Place(node) for node in nodes if node is not None]
