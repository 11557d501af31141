"""What became of one lock: made, looked at, compared or moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironhull.definition.model import ImageDefinition
from ironhull.lock.diff import LockDiff
from ironhull.lock.model import Lock

NOTHING = LockDiff((), (), ())


@dataclass(frozen=True, slots=True)
class LockResult:
    """One lock, and what was done with it."""

    definition: ImageDefinition
    path: Path
    """Of the lock's file."""
    status: str
    """made, present, updated, unchanged, current or stale."""
    lock: Lock
    changes: LockDiff = NOTHING

    @property
    def name(self) -> str:
        """The image by the tag of the definition's file."""
        return f"{self.definition.image}:{self.definition.file.stem}"
