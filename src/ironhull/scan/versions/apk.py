"""Versions of Alpine packages, ordered as apk-tools orders them.

`1.2.3b_rc1_p2~hash-r4`: numbers, a letter, suffixes, a commit, a revision. Numbers after the first
that begin with 0 compare as decimal fractions (`1.05` < `1.1`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ironhull.errors import MalformedError

# As a text: a scan of Debian's packages need not compile it.
_SYNTAX = r"(\d+)((?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~([0-9a-f]+))?(?:-r(\d+))?"
_SUFFIXES = {
    name: order
    for order, name in enumerate(("alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"))
}
_PLAIN = _SUFFIXES[""]
MAX_LENGTH = 256


@lru_cache(maxsize=1 << 14)
def apk_key(text: str) -> tuple[Any, ...]:
    """What to sort by; MalformedError for a text that apk would not accept."""
    found = re.fullmatch(_SYNTAX, text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise MalformedError(f"not a version of an Alpine package: {text!r:.100}")
    first, more, letter, suffixes, _, revision = found.groups()
    numbers = [(1, int(first), "")] + [_number(part) for part in more.split(".")[1:]]
    marks = [_suffix(suffix) for suffix in suffixes.split("_")[1:]]
    # A version that goes on is later than one that ends, unless what follows is a pre-release.
    return (
        tuple(numbers),
        letter,
        (*marks, (_PLAIN, 0)),
        int(revision or 0),
    )


def _number(part: str) -> tuple[int, int, str]:
    """Compared as a number, or as a fraction where it has a leading zero."""
    if part[0] == "0" and len(part) > 1:
        return (0, 0, part)
    return (1, int(part), "")


def _suffix(text: str) -> tuple[int, int]:
    name = text.rstrip("0123456789")
    if name not in _SUFFIXES:
        raise MalformedError(f"unknown suffix of an Alpine version: {text!r:.40}")
    return _SUFFIXES[name], int(text[len(name) :] or 0)
