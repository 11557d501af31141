"""Which paths the patterns of `includes` and `excludes` mean."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def chosen(name: str, includes: Sequence[str], excludes: Sequence[str]) -> bool:
    """Whether a path is included and not excluded; no includes: all are."""
    return (not includes or matches(name, includes)) and not matches(name, excludes)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns means the path, or a folder that it lies in.

    `*` is any text, slashes too; `opt/**`, `opt/*` and `opt` all mean what lies below opt.
    """
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*") for pattern in patterns
    )
