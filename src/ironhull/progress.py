"""The protocol through which long steps say how far they are; `cli` draws it, tests forget it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Who is told how far a long step is."""

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        """Begin a step of `total` units (`bytes`, `packages`, `layers`; None if not known).

        Call the result with an amount to advance. Safe from several threads.
        """
        ...

    def note(self, text: str) -> None:
        """One line that a person should see: a warning, a retry, a finished part."""
        ...


class Silent:
    """Progress that nobody watches."""

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        """As `Progress.start`."""
        return lambda amount: None

    def note(self, text: str) -> None:
        """As `Progress.note`."""
