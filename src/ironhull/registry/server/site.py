"""What else answers at the registry's address: pages for people. Who makes them is unknown here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.routing import Route


class Site(Protocol):
    """Pages beside the registry, in the same process."""

    def routes(self) -> Sequence[Route]:
        """What it answers; the registry's own routes come first."""
        ...

    def start(self, note: Callable[..., None]) -> None:
        """The server runs; `note` writes a line of its log."""
        ...

    def stop(self) -> None:
        """The server ends."""
        ...
