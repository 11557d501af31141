"""How ecosystems write the names of packages, and what feeds and matchers agree to call them."""

from __future__ import annotations

import re

NODE = "nodejs"
"""The ecosystem of Node.js itself; its only package is `node`."""

NODE_SEPARATOR = "\t"
"""Between the affected and the patched ranges in the line of a claim about Node.js."""


def normal_name(ecosystem: str, name: str) -> str:
    """A package's name as its ecosystem compares names (PEP 503; NuGet, Composer: any case)."""
    if ecosystem == "pypi":
        return re.sub(r"[-_.]+", "-", name).lower()
    if ecosystem in ("nuget", "composer"):
        return name.lower()
    return name


def rating(score: float) -> str:
    """A CVSS score in words; `unknown` for 0.0, which is no rating but `none`."""
    if score >= 9.0:
        return "critical"
    if score >= 7.0:
        return "high"
    if score >= 4.0:
        return "medium"
    return "low" if score > 0 else "unknown"
