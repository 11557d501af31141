"""Values in the file of rules: sizes, times, patterns, tables; InputError says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ironhull.errors import InputError

_MAX_RULES = 1000
_SIZE = re.compile(r"(\d{1,12})([kMGT]?)B?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TIME = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def tables(value: object, where: str) -> list[Mapping[str, Any]]:
    """A list of tables."""
    if (
        not isinstance(value, list)
        or len(value) > _MAX_RULES
        or not all(isinstance(each, Mapping) for each in value)
    ):
        raise InputError(f"{where}: expected at most {_MAX_RULES} tables")
    return list(value)


def texts(value: object, where: str) -> tuple[str, ...]:
    """Patterns; none is empty."""
    if (
        not isinstance(value, list)
        or len(value) > _MAX_RULES
        or not all(isinstance(each, str) and each for each in value)
    ):
        raise InputError(f"{where}: expected a list of at most {_MAX_RULES} patterns")
    return tuple(value)


def tag_patterns(value: object, where: str) -> tuple[str, ...]:
    """Patterns of REPOSITORY:TAG."""
    patterns = texts(value, where)
    for pattern in patterns:
        if ":" not in pattern:
            raise InputError(f"{where}: {pattern!r:.100} is not REPOSITORY:TAG")
    return patterns


def size(value: object, where: str) -> int:
    """Bytes of a text such as 50G."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InputError(f"{where} is {value!r:.50}, expected a text such as 50G")
    return int(match[1]) * _UNITS[match[2]]


def seconds(value: object, where: str) -> float:
    """Seconds of a text such as 90s, 15m, 12h or 30d."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InputError(f"{where} is {value!r:.50}, expected a text such as 90s, 15m, 12h or 30d")
    return float(int(match[1]) * _SECONDS[match[2]])
