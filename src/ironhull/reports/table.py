"""Columns for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ironhull.reports.text import harmless


class Heading(str):
    """A line that stands out: a terminal shows it bold."""

    __slots__ = ()


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()
) -> list[str]:
    """Columns under their headings, see `columns`."""
    first, *others = columns([headings, *rows], right)
    return [Heading(first), *others]


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """A line for each row, cells padded with spaces; `right` lists the columns of figures.

    All rows have as many cells as the first. Widths are in characters.
    """
    cells = [[harmless(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
