"""Where in a file something stands."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where in a file something stands; line and column count from 1.

    A tuple, as the nodes of the tree are: a file has one for each of its values, and a tuple is
    made in a third of the time.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
