"""Version numbers of Debian packages: their syntax and their order (Debian Policy 5.6.12).

The order is dpkg's. A text is cut into runs of non-digits and digits that take turns. Runs of
digits compare as numbers. Runs of non-digits compare character by character: a tilde comes before
the end of the run, the end before letters, letters before everything else.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ironhull.debian.names import DebianVersion
from ironhull.errors import MalformedError
from ironhull.values import dataclass

MAX_LENGTH = 1024
MAX_EPOCH = 2**31 - 1

VersionKey = tuple[int, tuple[str | int, ...], tuple[str | int, ...]]
"""Epoch, upstream version and revision in a form that Python orders as dpkg would."""

_SYNTAX = re.compile(
    r"(?:(?P<epoch>[0-9]+):)?"
    r"(?P<upstream>[0-9](?:[A-Za-z0-9.+~:]*|[A-Za-z0-9.+~:-]*(?=-[^-]*$)))"
    r"(?:-(?P<revision>[A-Za-z0-9.+~]+))?"
)
_RUNS = re.compile(r"([^0-9]*)([0-9]*)")
_END = "\x02"
# Each character as one that sorts where dpkg puts it: tilde, end, letters, the rest.
_ORDER = str.maketrans({"~": "\x01"} | {c: chr(ord(c) + 256) for c in "+-.:"})


@dataclass(frozen=True, slots=True)
class Version:
    """The parts of a version; the revision is empty for a native package."""

    epoch: int
    upstream: str
    revision: str

    def __str__(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        revision = f"-{self.revision}" if self.revision else ""
        return f"{epoch}{self.upstream}{revision}"


def parse_version(text: str) -> Version:
    """The parts of a version; MalformedError names what is wrong with it."""
    return Version(*_parts(text))


def _parts(text: str) -> tuple[int, str, str]:
    found = _SYNTAX.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise MalformedError(f"not a Debian version: {text!r:.100} ({_fault(text)})")
    given, upstream, revision = found.groups("")
    epoch = int(given or 0)
    if epoch > MAX_EPOCH or (":" in upstream and not given):
        raise MalformedError(f"not a Debian version: {text!r:.100} ({_fault(text)})")
    return epoch, upstream, revision


@lru_cache(maxsize=1 << 16)
def version_key(text: str) -> VersionKey:
    """What to sort a version by; MalformedError as `parse_version`."""
    # No Version in between: advisories have tens of thousands.
    epoch, upstream, revision = _parts(text)
    return epoch, _runs(upstream), _runs(revision)


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as `a` is earlier than, equal to or later than `b`."""
    if a == b:
        parse_version(a)
        return 0
    key_a, key_b = version_key(a), version_key(b)
    return (key_a > key_b) - (key_a < key_b)


def satisfies(version: DebianVersion | str, operator: str, bound: DebianVersion | str) -> bool:
    """Whether `version` stands in this relation to `bound`: `<<`, `<=`, `=`, `>=` or `>>`.

    The old forms `<` and `>` mean `<=` and `>=` (Debian Policy 7.1).
    """
    order = compare(version, bound)
    match operator:
        case "<<":
            return order < 0
        case "<=" | "<":
            return order <= 0
        case "=":
            return order == 0
        case ">=" | ">":
            return order >= 0
        case ">>":
            return order > 0
    raise MalformedError(f"not a version relation: {operator!r} (there are: << <= = >= >>)")


@lru_cache(maxsize=1 << 14)
def _runs(text: str) -> tuple[str | int, ...]:
    # An absent part equals "0". The empty run that the expression finds last closes every key, so
    # that no key is the beginning of another.
    runs: list[str | int] = []
    for other, digits in _RUNS.findall(text or "0"):
        runs.append(_word(other))
        runs.append(int(digits or 0))
    return tuple(runs)


@lru_cache(maxsize=1 << 12)
def _word(text: str) -> str:
    return text.translate(_ORDER) + _END


def _fault(text: str) -> str:
    epoch, colon, rest = text.rpartition(":") if text.count(":") == 1 else text.partition(":")
    if not colon:
        epoch, rest = "", text
    upstream, dash, revision = rest.rpartition("-")
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    if colon and (not re.fullmatch("[0-9]+", epoch) or int(epoch) > MAX_EPOCH):
        return f"the epoch is not a number up to {MAX_EPOCH}"
    if dash and not revision:
        return "the revision is empty"
    if not re.match("[0-9]", upstream if dash else rest):
        return "the upstream version does not start with a digit"
    return "a character is not a letter, a digit or one of . + ~ - :"
