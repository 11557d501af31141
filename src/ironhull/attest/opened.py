"""What an attachment held, apart from what opens it: that loads msgspec."""

from __future__ import annotations

from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside."""

    document: bytes
    """JSON: a statement's predicate, or all that was there."""
    predicate_type: str = ""
    """Empty where there is no statement."""
