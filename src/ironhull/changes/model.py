"""The changelog of a rebuild: frozen values without I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.compare.model import Comparison, Pair, Unknown, VersionChange
from ironhull.debian.changelog import ChangelogEntry


@dataclass(frozen=True, slots=True)
class SourceChange:
    """One source package whose binary packages came in another version."""

    name: str
    before: str
    """Version."""
    after: str
    packages: tuple[VersionChange, ...]
    """Its binary packages that both images have."""
    entries: tuple[ChangelogEntry, ...] = ()
    """What its maintainers say of the versions after `before`, newest first."""
    note: str = ""
    """Why there are no entries; empty where there are."""


@dataclass(frozen=True, slots=True)
class BaseChange:
    """An image that the image was made from, and that moved."""

    name: str
    before: str
    """Its digest; empty: it was not made from it before."""
    after: str
    """Empty: it is no longer made from it."""


@dataclass(frozen=True, slots=True)
class BaseChanges:
    """All images that one was made from."""

    moved: tuple[BaseChange, ...] = ()
    same: int = 0


@dataclass(frozen=True, slots=True)
class BuildChanges:
    """An image and the build that came before it."""

    comparison: Comparison
    """The older build is the baseline, the newer the only other side."""
    sources: tuple[SourceChange, ...]
    """By name."""
    bases: BaseChanges | Unknown = BaseChanges()

    @property
    def pair(self) -> Pair:
        """All that differs between the two."""
        return self.comparison.pairs[0]
