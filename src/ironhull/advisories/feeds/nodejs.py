"""Vulnerabilities of Node.js itself: the core index of the Node.js security working group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from ironhull.advisories.interface import Document, FeedDate, malformed
from ironhull.advisories.model import Claim, Record, State
from ironhull.advisories.names import NODE, NODE_SEPARATOR

PACKAGE = "node"
MAX_SUMMARY = 300


class _Entry(msgspec.Struct):
    cve: list[str]
    vulnerable: str
    patched: str = ""
    severity: str = ""
    description: str = ""
    overview: str = ""
    publish_date: str = ""


_INDEX = msgspec.json.Decoder(dict[str, _Entry])


@dataclass(frozen=True, slots=True)
class NodeFeed:
    """The vulnerabilities of Node.js itself, from its security working group's index."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json")

    def read(self, documents: Iterable[Document]) -> Iterator[Record | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            try:
                index = _INDEX.decode(document.read())
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise malformed(document.name, f"not the core index: {error}") from None
            for number, entry in index.items():
                yield _record(number, entry)


def _record(number: str, entry: _Entry) -> Record:
    identifier = f"NSWG-CORE-{number}"
    summary = " ".join((entry.description or entry.overview).split())[:MAX_SUMMARY]
    line = f"{entry.vulnerable}{NODE_SEPARATOR}{entry.patched}"
    return Record(
        id=identifier,
        published=entry.publish_date,
        severity="" if entry.severity == "unknown" else entry.severity.lower(),
        summary=summary,
        aliases=tuple(entry.cve),
        claims=tuple(
            Claim(NODE, PACKAGE, name, State.EXPRESSION, line=line)
            for name in entry.cve or [identifier]
        ),
    )
