"""What repositories are held to: tags that never move, and how much they may hold.

immutable = ["*:v*", "node:*-2026*"]   # REPOSITORY:TAG, * matches any text

[[quota]]
repositories = ["team/*"]
size = "50G"                           # bytes of all that a repository's images consist of

Quotas are looked at when a manifest is pushed: what was uploaded for nothing is swept away later.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ironhull.errors import InputError

MAX_FILE = 1 << 20
_MAX_RULES = 1000
_SIZE = re.compile(r"(\d{1,12})([kMGT]?)B?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Push:
    """A tag that somebody pushed."""

    repository: str
    tag: str
    digest: str
    by: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many bytes each of some repositories may hold."""

    repositories: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one registry; without any all is allowed."""

    immutable: tuple[str, ...] = ()
    quotas: tuple[Quota, ...] = ()

    def never_moves(self, repository: str, tag: str) -> bool:
        """Whether a tag that is there has to stay as it is."""
        return any(fnmatchcase(f"{repository}:{tag}", each) for each in self.immutable)

    def room(self, repository: str) -> int | None:
        """How many bytes a repository may hold: the least of its quotas; None: any number."""
        fitting = [
            each.size
            for each in self.quotas
            if any(fnmatchcase(repository, pattern) for pattern in each.repositories)
        ]
        return min(fitting, default=None)


def read_rules_file(path: Path) -> tuple[Rules, object]:
    """The rules of a file, and its `notify` tables as they are; InputError says what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise InputError(f"{path}: larger than {MAX_FILE} bytes")
        value = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    unknown = set(value) - {"immutable", "quota", "notify"}
    if unknown:
        raise InputError(f"{path}: unknown {sorted(unknown)} (expected: immutable, quota, notify)")
    immutable = _texts(value.get("immutable", []), f"{path}: immutable")
    for pattern in immutable:
        if ":" not in pattern:
            raise InputError(f"{path}: immutable: {pattern!r:.100} is not REPOSITORY:TAG")
    tables = value.get("quota", [])
    if not isinstance(tables, list) or len(tables) > _MAX_RULES:
        raise InputError(f"{path}: quota: expected at most {_MAX_RULES} tables [[quota]]")
    quotas = tuple(_quota(table, f"{path}: quota {at}") for at, table in enumerate(tables, 1))
    return Rules(immutable, quotas), value.get("notify", [])


def _quota(table: Any, where: str) -> Quota:
    if not isinstance(table, Mapping) or set(table) != {"repositories", "size"}:
        raise InputError(f"{where}: expected repositories and size")
    match = _SIZE.fullmatch(table["size"]) if isinstance(table["size"], str) else None
    if match is None:
        raise InputError(f"{where}: size is {table['size']!r:.50}, expected a text such as 50G")
    repositories = _texts(table["repositories"], f"{where}: repositories")
    return Quota(repositories, int(match[1]) * _UNITS[match[2]])


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or len(value) > _MAX_RULES
        or not all(isinstance(each, str) and each for each in value)
    ):
        raise InputError(f"{where}: expected a list of at most {_MAX_RULES} patterns")
    return tuple(value)
