"""Semantic versions (semver.org 2.0.0, clause 11), as npm, Go and Cargo order them.

Missing numbers count as 0, since advisories write `0` and `1.2`; a leading `v` and build metadata
(`+incompatible`) do not count.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ironhull.errors import MalformedError

MAX_LENGTH = 256
# As texts: a scan without packages of such languages need not compile them.
_SYNTAX = r"[vV=]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?"

SemverKey = tuple[int, int, int, tuple[Any, ...]]


@lru_cache(maxsize=1 << 14)
def semver_key(text: str) -> SemverKey:
    """What to sort by; MalformedError for a text that is no semantic version."""
    found = re.fullmatch(_SYNTAX, text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise MalformedError(f"not a semantic version: {text!r:.100}")
    major, minor, patch = (int(part or 0) for part in found.groups()[:3])
    return major, minor, patch, _prerelease(found[4])


_GO_RELEASE = r"(?:go|v)?(\d+)\.(\d+)(?:\.(\d+))?(alpha|beta|rc)(\d+)"


def go_key(text: str) -> SemverKey:
    """The same for Go, whose own releases are `go1.26rc1` where advisories write `1.26.0-rc.1`."""
    found = re.fullmatch(_GO_RELEASE, text) if len(text) <= MAX_LENGTH else None
    if found is None:
        return semver_key(text.removeprefix("go"))
    major, minor, patch, word, number = found.groups()
    return semver_key(f"{major}.{minor}.{patch or 0}-{word}.{number}")


def _prerelease(text: str | None) -> tuple[Any, ...]:
    if text is None:
        return ((2, 0, ""),)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("."))


def satisfies(version: str, expression: str) -> bool:
    """Whether a version is in an npm range: `^20.1.2 || 18.x || >=4.0.0 <4.8.4`."""
    key = semver_key(version)
    return any(_all_of(key, part) for part in expression.split("||") if part.strip())


def _all_of(key: SemverKey, part: str) -> bool:
    joined = re.sub(r"([<>=^~]+)\s+", r"\1", part.strip())
    return all(_comparator(key, word) for word in joined.split())


def _comparator(key: SemverKey, word: str) -> bool:
    found = re.fullmatch(r"(<=|>=|<|>|=|\^|~)?(.+)", word)
    if found is None:
        raise MalformedError(f"not an npm range: {word!r:.60}")
    operator, text = found[1] or "=", found[2]
    if text in ("*", "x", "X"):
        return True
    low, high = _bounds(text)
    match operator:
        case "<":
            return key < low
        case "<=":
            return key < high
        case ">":
            return key >= high
        case ">=":
            return key >= low
        case "^":
            return low <= key < _caret(low)
        case "~":
            return low <= key < (low[0], low[1] + 1, 0, ())
    return low <= key < high


def _bounds(text: str) -> tuple[SemverKey, SemverKey]:
    """The first version that a partial version means, and the first after it."""
    wild = re.fullmatch(r"(\d+)(?:\.(?:(\d+)(?:\.[xX*])?|[xX*](?:\.[xX*])?))?", text)
    if wild is None:
        low = semver_key(text)
        return low, (*low[:3], (*low[3], (9, 0, "")))
    major = int(wild[1])
    if wild[2] is None:
        return (major, 0, 0, ()), (major + 1, 0, 0, ())
    minor = int(wild[2])
    return (major, minor, 0, ()), (major, minor + 1, 0, ())


def _caret(low: SemverKey) -> SemverKey:
    major, minor, patch, _ = low
    if major:
        return (major + 1, 0, 0, ())
    return (0, minor + 1, 0, ()) if minor else (0, 0, patch + 1, ())
