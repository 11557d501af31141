"""An image as a tree: indexes, manifests, config, layers, and what refers to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.registry.client.interface import Source
from ironhull.values import dataclass

_MAX_DEPTH = 8
_MAX_NODES = 20_000


@dataclass(frozen=True, slots=True)
class Node:
    """One part; `role` is index, manifest, config, layer or referrer."""

    role: str
    descriptor: Descriptor
    children: tuple[Node, ...] = ()

    def json(self) -> dict[str, Any]:
        """The node and all below it."""
        value: dict[str, Any] = {"role": self.role, **self.descriptor.json()}
        if self.children:
            value["children"] = [child.json() for child in self.children]
        return value


def image_tree(source: Source) -> Node:
    """The tree of what the source names; MalformedError if it is too deep or too large."""
    root = source.root()
    return _Walk(source).node(root, root.descriptor(), "index" if root.is_index else "manifest", 0)


class _Walk:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0

    def node(self, document: Document, descriptor: Descriptor, role: str, depth: int) -> Node:
        self._count += 1
        if depth > _MAX_DEPTH or self._count > _MAX_NODES:
            raise MalformedError(
                f"{self._source.label}: deeper than {_MAX_DEPTH} or more than {_MAX_NODES} parts"
            )
        children = [*self._parts(document, depth), *self._referrers(document, depth)]
        return Node(role, descriptor, tuple(children))

    def _parts(self, document: Document, depth: int) -> Iterator[Node]:
        if document.is_index:
            for entry in document.manifests:
                child = self._source.document(entry)
                role = "index" if child.is_index else "manifest"
                yield self.node(child, entry, role, depth + 1)
            return
        yield Node("config", document.config)
        for layer in document.layers:
            yield Node("layer", layer)

    def _referrers(self, document: Document, depth: int) -> Iterator[Node]:
        for entry in self._source.referrers(document.digest):
            yield self.node(self._source.document(entry), entry, "referrer", depth + 1)
