"""CVSS vectors to base scores, and scores to words (CVSS 3.1 section 5, CVSS 4.0 section 6)."""

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


def rating(score: float) -> str:
    """critical, high, medium, low or unknown (a score of 0.0 is `none` in CVSS: no rating)."""
    if score >= 9.0:
        return "critical"
    if score >= 7.0:
        return "high"
    if score >= 4.0:
        return "medium"
    return "low" if score > 0 else "unknown"
