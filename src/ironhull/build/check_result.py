"""What a check of an image said, for whoever only reads it."""

from __future__ import annotations

from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one platform; `problems` is empty if it holds."""

    name: str
    platform: str
    looked_at: int
    """How many paths, links, files the check looked at."""
    problems: tuple[str, ...]
    paths: tuple[str, ...] = ()
    """The paths, without a leading slash, that would have to go or to change."""

    @property
    def ok(self) -> bool:
        """Whether the check holds."""
        return not self.problems
