"""Columns for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ironhull.reports.text import harmless


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
