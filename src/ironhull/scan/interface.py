"""What matching needs, and what a matcher is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ironhull.advisories.database import StoredClaim
from ironhull.inventory.model import Package
from ironhull.scan.rules import Rule
from ironhull.values import dataclass


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
    unknown: str = ""
    """Why nobody can say more than the rules do; the package then counts as unmatched as well."""


class Matcher(Protocol):
    """Packages of some types against the claims on them."""

    @property
    def types(self) -> frozenset[str]:
        """Types of packages that it matches, as in purls."""
        ...

    def load(self, packages: Iterable[Package]) -> None:
        """Read what is needed for these packages, at once."""
        ...

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """Take claims that were read already, all of them that a name has, in place of `load`."""
        ...

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """The rules by which a version of what claims call `name` is vulnerable; else as `match`.

        Its claims were loaded or adopted before.
        """
        ...

    def match(self, package: Package) -> Match:
        """The rules that hold for the package; MalformedError where versions cannot be compared."""
        ...


def grouped(claims: Iterable[StoredClaim], names: Iterable[str]) -> dict[str, list[StoredClaim]]:
    """Claims by package, with an empty list for a name that has none."""
    groups: dict[str, list[StoredClaim]] = {name: [] for name in names}
    for claim in claims:
        groups[claim.package].append(claim)
    return groups
