"""What a feed is: documents in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from ironhull.advisories.model import Row
from ironhull.errors import MalformedError


class Document(Protocol):
    """One file of a feed, wherever it lies. `read` and `lines` stop at the size limit."""

    @property
    def name(self) -> str:
        """File name without folders, as messages say it."""
        ...

    def read(self) -> bytes:
        """All of it, within the limit of its kind; MalformedError beyond that."""
        ...

    def open(self) -> IO[bytes]:
        """To read it bit by bit."""
        ...


@dataclass(frozen=True, slots=True)
class FeedDate:
    """The date that the feed itself gives, RFC 3339 or YYYY-MM-DD; the latest one counts."""

    date: str
    model: str = ""
    """Of scores: the version of the model that they are of, for scores of two differ."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A record that an update takes back."""

    id: str


class Feed(Protocol):
    """Reads one format. Raises MalformedError, with the document's name, for anything unsound."""

    @property
    def matches(self) -> bool:
        """Whether packages are matched against it, so that its age decides what is stale."""
        ...

    def wants(self, name: str) -> bool:
        """Whether a file of a folder or zip belongs to the feed."""
        ...

    def read(self, documents: Iterable[Document]) -> Iterator[Row | FeedDate | Deleted]:
        """The rows of these documents; MalformedError names one that is none of the feed's."""
        ...


def malformed(document: str, problem: object) -> MalformedError:
    """The error for a document that is not what its feed says."""
    return MalformedError(f"{document}: {str(problem)[:300]}")
