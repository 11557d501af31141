"""The changelog of a rebuild: frozen values without I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.compare.model import Comparison, Pair, VersionChange
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
class BuildChanges:
    """An image and the build that came before it."""

    comparison: Comparison
    """The older build is the baseline, the newer the only other side."""
    sources: tuple[SourceChange, ...]
    """By name."""

    @property
    def pair(self) -> Pair:
        """All that differs between the two."""
        return self.comparison.pairs[0]
