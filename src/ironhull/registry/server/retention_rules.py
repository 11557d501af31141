"""The tables [[retention]] of the file of rules; what they mean is in `retention`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ironhull.errors import InputError
from ironhull.registry.server.rule_values import seconds, tables, tag_patterns, texts

_MAX_KEPT = 1_000_000
_LETS_GO = {"keep", "older-than", "untagged"}
_KEYS = {"repositories", "protect", *_LETS_GO}


@dataclass(frozen=True, slots=True)
class Retention:
    """What some repositories keep; times in seconds, None where the rule does not say."""

    repositories: tuple[str, ...]
    keep: int | None = None
    older_than: float | None = None
    untagged: float | None = None
    protect: tuple[str, ...] = ()


def retentions_of(value: object, where: str) -> tuple[Retention, ...]:
    """The rules of a parsed file; InputError says what is wrong."""
    return tuple(
        _retention(table, f"{where} {at}") for at, table in enumerate(tables(value, where), 1)
    )


def _retention(table: Mapping[str, Any], where: str) -> Retention:
    unknown = set(table) - _KEYS
    if unknown or "repositories" not in table or not _LETS_GO & set(table):
        raise InputError(
            f"{where}: has {sorted(table)}, expected repositories, one of keep, older-than and "
            "untagged at least, and perhaps protect"
        )
    keep = table.get("keep")
    if keep is not None and (
        not isinstance(keep, int) or isinstance(keep, bool) or not 0 < keep < _MAX_KEPT
    ):
        raise InputError(f"{where}: keep is {keep!r:.50}, expected a number from 1")

    def time(name: str) -> float | None:
        return seconds(table[name], f"{where}: {name}") if name in table else None

    return Retention(
        texts(table["repositories"], f"{where}: repositories"),
        keep,
        time("older-than"),
        time("untagged"),
        tag_patterns(table.get("protect", []), f"{where}: protect"),
    )
