"""Versions of Python, Java, Ruby, .NET and PHP packages."""

from __future__ import annotations

import re
from functools import cmp_to_key, lru_cache
from typing import Any

from ironhull.errors import MalformedError

MAX_LENGTH = 256


def _bounded(text: str, what: str) -> str:
    if not text or len(text) > MAX_LENGTH:
        raise MalformedError(f"not a version of a {what} package: {text!r:.100}")
    return text.strip()


@lru_cache(maxsize=1 << 14)
def pep440_key(text: str) -> Any:
    """Python (PEP 440)."""
    # Here, and not above: most images have no Python packages, and loading it takes time.
    from packaging.version import InvalidVersion, Version

    try:
        return Version(_bounded(text, "Python"))
    except InvalidVersion:
        raise MalformedError(f"not a version of a Python package: {text!r:.100}") from None


@lru_cache(maxsize=1 << 14)
def gem_key(text: str) -> tuple[Any, ...]:
    """Ruby (Gem::Version): letters are pre-releases, trailing zeros do not count."""
    if not re.fullmatch(r"[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z.-]+)?", _bounded(text, "Ruby")):
        raise MalformedError(f"not a version of a Ruby gem: {text!r:.100}")
    parts: list[tuple[int, int, str]] = [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.findall(r"[0-9]+|[a-z]+", text.replace("-", ".pre."), re.IGNORECASE)
    ]
    letters = next((at for at, part in enumerate(parts) if part[0] == 0), len(parts))
    release = parts[:letters]
    while release and release[-1] == (1, 0, ""):
        release.pop()
    return (*release, *parts[letters:], (1, 0, ""))


@lru_cache(maxsize=1 << 14)
def nuget_key(text: str) -> tuple[Any, ...]:
    """.NET: up to four numbers, then a semantic pre-release without regard to case."""
    found = re.fullmatch(
        r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+\S*)?",
        _bounded(text, ".NET"),
    )
    if found is None:
        raise MalformedError(f"not a version of a NuGet package: {text!r:.100}")
    numbers = tuple(int(part or 0) for part in found.groups()[:4])
    if found[5] is None:
        return (*numbers, ((2, 0, ""),))
    parts = found[5].lower().split(".")
    return (*numbers, tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts))


_STABILITY = {"dev": 0, "alpha": 1, "a": 1, "beta": 2, "b": 2, "rc": 3, "p": 5, "pl": 5, "patch": 5}


@lru_cache(maxsize=1 << 14)
def composer_key(text: str) -> tuple[Any, ...]:
    """PHP: numbers, then dev < alpha < beta < RC < release < patch."""
    lowered = _bounded(text, "PHP").lower().removeprefix("v").partition("+")[0]
    found = re.fullmatch(r"(\d+(?:\.\d+)*)(?:[._-]?([a-z]+)[._-]?(\d*(?:\.\d+)*))?", lowered)
    if found is None or (found[2] and found[2] not in _STABILITY):
        raise MalformedError(f"not a version of a Composer package: {text!r:.100}")
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    more = tuple(int(part) for part in found[3].split(".") if part) if found[3] else ()
    return tuple(numbers), _STABILITY.get(found[2] or "", 4), more


# Maven's ComparableVersion, from the rules of its documentation ("Version Order Specification"):
# pieces end at `.`, `-`, `_` and between letters and digits; a hyphen or such a change of kind
# opens a sub-list; trailing null values of each list are dropped.
_QUALIFIERS = {
    name: order
    for order, names in enumerate(
        (
            ("alpha",),
            ("beta",),
            ("milestone",),
            ("rc", "cr"),
            ("snapshot",),
            ("", "ga", "final", "release"),
            ("sp",),
        )
    )
    for name in names
}
_RELEASE = _QUALIFIERS[""]
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}
_MavenItem = Any


@lru_cache(maxsize=1 << 14)
def maven_key(text: str) -> Any:
    """Java (Maven)."""
    lowered = _bounded(text, "Java").lower()
    if not re.match(r"[0-9a-z]", lowered):
        raise MalformedError(f"not a version of a Maven artifact: {text!r:.100}")
    return cmp_to_key(_maven_compare)(_maven_list(lowered))


def _maven_list(text: str) -> list[_MavenItem]:
    root: list[_MavenItem] = []
    current = root
    stack = [root]
    pieces = re.findall(r"[0-9]+|[^0-9._-]+|[._-]", text)
    previous = ""
    for at, piece in enumerate(pieces):
        if piece in "._-":
            if previous in ("", ".", "-", "_"):
                current.append(0)
            if piece == "-":
                current = _open(current, stack)
        else:
            digits = piece.isdigit()
            if previous and previous not in "._-":
                current = _open(current, stack)
            following = pieces[at + 1] if at + 1 < len(pieces) else ""
            current.append(int(piece) if digits else _word(piece, following.isdigit()))
        previous = piece
    for each in reversed(stack):
        _trim(each)
    return root


def _open(current: list[_MavenItem], stack: list[list[_MavenItem]]) -> list[_MavenItem]:
    _trim(current)
    fresh: list[_MavenItem] = []
    current.append(fresh)
    stack.append(fresh)
    return fresh


def _word(piece: str, digit_follows: bool) -> str:
    return _SHORT.get(piece, piece) if digit_follows else piece


def _trim(items: list[_MavenItem]) -> None:
    while items and (
        items[-1] in (0, [])
        or (isinstance(items[-1], str) and _QUALIFIERS.get(items[-1]) == _RELEASE)
    ):
        items.pop()


def _maven_compare(a: list[_MavenItem], b: list[_MavenItem]) -> int:
    for at in range(max(len(a), len(b))):
        left = a[at] if at < len(a) else None
        right = b[at] if at < len(b) else None
        order = _maven_item(left, right)
        if order:
            return order
    return 0


def _maven_item(left: _MavenItem, right: _MavenItem) -> int:
    if isinstance(left, list) and isinstance(right, list):
        return _maven_compare(left, right)
    # An absent item is the null value of the other one's kind.
    if left is None or right is None:
        present = right if left is None else left
        sign = -1 if left is None else 1
        if isinstance(present, list):
            return sign * (_maven_compare(present, []) if present else 0)
        return sign * _against_null(present)
    return _rank(left, right)


def _against_null(item: int | str) -> int:
    if isinstance(item, int):
        return 1 if item else 0
    order = _qualifier(item)
    null = (_RELEASE, "")
    return (order > null) - (order < null)


def _rank(left: _MavenItem, right: _MavenItem) -> int:
    """Words before lists before numbers; words by qualifier."""
    kinds = [
        0 if isinstance(item, str) else 1 if isinstance(item, list) else 2 for item in (left, right)
    ]
    if kinds[0] != kinds[1]:
        return (kinds[0] > kinds[1]) - (kinds[0] < kinds[1])
    if isinstance(left, str):
        left, right = _qualifier(left), _qualifier(right)
    return bool(left > right) - bool(left < right)


def _qualifier(word: str) -> tuple[int, str]:
    order = _QUALIFIERS.get(word)
    return (order, "") if order is not None else (len(_QUALIFIERS), word)
