"""Who is known: users with bcrypt hashes, roles and repositories, out of one TOML file.

[anonymous]                     # leave the table out: nobody gets in without a password
role = "pull"
repositories = ["public/*"]

[users.alice]
password = "$2y$12$…"           # printed by: htpasswd -nB -C 12 alice
role = "push"                   # pull, push (and pull), admin (and delete)
repositories = ["team/*", "base"]   # `*` matches any text; left out: all
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.toml_file import read_toml

# What each role may do; distribution-spec has no word for this, so ours are its workflows.
ROLES = {"none": 0, "pull": 1, "push": 2, "admin": 3}
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
# 2^16 rounds take about four seconds of a core for each wrong password.
_COSTS = range(4, 17)
# Below this a stolen file gives up its passwords too cheaply.
_GOOD_COST = 10
_HOW = "htpasswd -nB -C 12"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, and what they may do. `name` is None for a stranger."""

    name: str | None
    role: str
    repositories: tuple[str, ...] = ("*",)

    def may(self, action: str, repository: str | None = None) -> bool:
        """Whether the role reaches to `action` (pull, push, admin) in the repository."""
        if ROLES[self.role] < ROLES[action]:
            return False
        return repository is None or any(fnmatchcase(repository, p) for p in self.repositories)

    @property
    def everywhere(self) -> bool:
        """Whether the role holds in every repository."""
        return "*" in self.repositories


NOBODY = Identity(None, "none")


@dataclass(frozen=True, slots=True)
class Rules:
    """A users file as read; `cost` is that of its most expensive hash (2^cost rounds)."""

    anonymous: Identity
    users: Mapping[str, Identity] = field(default_factory=dict)
    hashes: Mapping[str, bytes] = field(default_factory=dict)
    cost: int = _GOOD_COST

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is allowed and yet not wise, a sentence each."""
        cheap = [name for name, hashed in self.hashes.items() if cost_of(hashed) < _GOOD_COST]
        if not cheap:
            return ()
        more = f" and {len(cheap) - 3} more" if len(cheap) > 3 else ""
        return (
            f"the bcrypt hashes of {', '.join(cheap[:3])}{more} are cheap to guess (cost below "
            f"{_GOOD_COST}): make them anew with {_HOW} NAME",
        )


OPEN = Rules(Identity(None, "admin"))


def read_rules(path: Path) -> Rules:
    """The users file at `path`; InputError says what is wrong in it."""
    value = read_toml(path)
    unknown = set(value) - {"anonymous", "users"}
    if unknown:
        raise InputError(f"{path}: unknown {sorted(unknown)} (expected: anonymous, users)")
    anonymous = NOBODY
    if "anonymous" in value:
        anonymous = _identity(path, None, value["anonymous"])
    users, hashes = {}, {}
    tables = value.get("users", {})
    if not isinstance(tables, dict):
        raise InputError(f"{path}: users is a table of tables ([users.alice])")
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            raise InputError(f"{path}: {name!r:.100} is not a user's name")
        users[name] = _identity(path, name, table)
        hashes[name] = _hash(path, name, table.get("password"))
    return Rules(anonymous, users, hashes, max(map(cost_of, hashes.values()), default=_GOOD_COST))


def cost_of(hashed: bytes) -> int:
    """The binary logarithm of a bcrypt hash's rounds."""
    return int(hashed[4:6])


def _identity(path: Path, name: str | None, table: Any) -> Identity:
    where = f"{path}: {'anonymous' if name is None else f'users.{name}'}"
    allowed = {"role", "repositories"} | ({"password"} if name else set())
    if not isinstance(table, dict) or set(table) - allowed:
        raise InputError(f"{where}: expected a table of {', '.join(sorted(allowed))}")
    role, repositories = table.get("role"), table.get("repositories", ["*"])
    if role not in ROLES:
        raise InputError(f"{where}: role is {role!r}, expected one of: {', '.join(ROLES)}")
    if not isinstance(repositories, list) or not all(isinstance(p, str) for p in repositories):
        raise InputError(f"{where}: repositories is a list of patterns")
    return Identity(name, role, tuple(repositories))


def _hash(path: Path, name: str, value: Any) -> bytes:
    match = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InputError(
            f"{path}: users.{name}: password is not a bcrypt hash (make one: {_HOW} {name})"
        )
    if int(match[1]) not in _COSTS:
        raise InputError(
            f"{path}: users.{name}: bcrypt cost {match[1]} is not between {_COSTS[0]} and "
            f"{_COSTS[-1]} (make one: {_HOW} {name})"
        )
    return str(value).encode()
