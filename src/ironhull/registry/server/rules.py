"""What repositories are held to: tags that never move, how much they may hold, what is mirrored.

immutable = ["*:v*", "node:*-2026*"]   # REPOSITORY:TAG, * matches any text

[[quota]]
repositories = ["team/*"]
size = "50G"                           # bytes of all that a repository's images consist of

Quotas are looked at when a manifest is pushed: what was uploaded for nothing is swept away later.
[[mirror]] is described in `mirrors`, [[retention]] in `retention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.registry.server.mirrors import Mirror, mirrors_of
from ironhull.registry.server.retention_rules import Retention, retentions_of
from ironhull.registry.server.rule_values import size, tables, tag_patterns, texts
from ironhull.toml_file import read_toml

_TABLES = {"immutable", "quota", "notify", "mirror", "retention"}


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
    mirrors: tuple[Mirror, ...] = ()
    retentions: tuple[Retention, ...] = ()

    def retention_of(self, repository: str) -> Retention | None:
        """What a repository keeps: the first rule that names it; None: everything."""
        for each in self.retentions:
            if any(fnmatchcase(repository, pattern) for pattern in each.repositories):
                return each
        return None

    def mirror(self, repository: str) -> Mirror | None:
        """The mirror that a repository is of, if any."""
        for mirror in self.mirrors:
            if mirror.source(repository) is not None:
                return mirror
        return None

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
    value = read_toml(path)
    unknown = set(value) - _TABLES
    if unknown:
        expected = ", ".join(sorted(_TABLES))
        raise InputError(f"{path}: unknown {sorted(unknown)} (expected: {expected})")
    quotas = tables(value.get("quota", []), f"{path}: quota")
    rules = Rules(
        tag_patterns(value.get("immutable", []), f"{path}: immutable"),
        tuple(_quota(table, f"{path}: quota {at}") for at, table in enumerate(quotas, 1)),
        mirrors_of(value.get("mirror", []), f"{path}: mirror"),
        retentions_of(value.get("retention", []), f"{path}: retention"),
    )
    return rules, value.get("notify", [])


def _quota(table: Mapping[str, Any], where: str) -> Quota:
    if set(table) != {"repositories", "size"}:
        raise InputError(f"{where}: expected repositories and size")
    repositories = texts(table["repositories"], f"{where}: repositories")
    return Quota(repositories, size(table["size"], f"{where}: size"))
