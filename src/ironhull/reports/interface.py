"""What a format of reports is: one value turned into one text.

A room lists its formats in a table (`scan.reports.formats`, `compare.reports.formats`), a module
each. Catalog and command line pick from that table by name, or by a file's ending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

Subject = TypeVar("Subject")
Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Format(Protocol[Subject_contra]):
    """One way to write something down."""

    @property
    def name(self) -> str:
        """As a person asks for it: `html`."""
        ...

    @property
    def endings(self) -> tuple[str, ...]:
        """Of files in this format, the usual one first: `.html`, `.htm`."""
        ...

    def render(self, subject: Subject_contra, /) -> str:
        """The whole text; the same subject gives the same text."""
        ...


class LazyFormat(NamedTuple, Generic[Subject]):
    """A format whose module is imported when something is rendered.

    A table must not wait for the template engine, so what `load` does is import and return.
    """

    name: str
    endings: tuple[str, ...]
    load: Callable[[], Callable[[Subject], str]]

    def render(self, subject: Subject, /) -> str:
        """As `Format.render`."""
        return self.load()(subject)


def by_name(formats: Iterable[Format[Subject]]) -> Mapping[str, Format[Subject]]:
    """The formats in their order, by name."""
    return {each.name: each for each in formats}


def by_ending(formats: Iterable[Format[Subject]], name: str) -> Format[Subject] | None:
    """The format that the name of a file stands for, if any: `.cdx.json` goes before `.json`."""
    found = [
        (len(ending), each)
        for each in formats
        for ending in each.endings
        if name.lower().endswith(ending)
    ]
    return max(found, key=lambda pair: pair[0], default=(0, None))[1]
