"""What matching needs, and what a matcher is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ironhull.inventory.model import Package
from ironhull.scan.rules import Rule


class LiveIndex(Protocol):
    """What the archive of a Debian release offers today, by source package."""

    def offers(self, source: str) -> Mapping[str, str] | None:
        """Suite → version of the source; empty if the release has none; None if not known."""
        ...


class NoIndex:
    """An index that knows nothing."""

    def offers(self, source: str) -> Mapping[str, str] | None:
        """As `LiveIndex.offers`: nothing is known."""
        return None


@dataclass(frozen=True, slots=True)
class Match:
    """A package and the rules by which it is vulnerable."""

    package: Package
    rules: Sequence[Rule]
    note: str = ""


class Matcher(Protocol):
    """Packages of some types against the claims on them."""

    @property
    def types(self) -> frozenset[str]:
        """Types of packages that it matches, as in purls."""
        ...

    def load(self, packages: Iterable[Package]) -> None:
        """Read what is needed for these packages, at once."""
        ...

    def match(self, package: Package) -> Match:
        """The rules that hold for the package; MalformedError where versions cannot be compared."""
        ...
