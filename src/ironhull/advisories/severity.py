"""CVSS vectors to base scores."""

from __future__ import annotations

from functools import lru_cache

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

MAX_VECTOR = 512


@lru_cache(maxsize=1 << 15)
def base_score(vector: str) -> float | None:
    """0.0 to 10.0, or None for a text that is no vector."""
    if len(vector) > MAX_VECTOR:
        return None
    try:
        if vector.startswith("CVSS:4"):
            return float(CVSS4(vector).base_score)
        if vector.startswith("CVSS:3"):
            return float(CVSS3(vector).base_score)
        return float(CVSS2(vector).base_score)
    except CVSSError:
        return None
