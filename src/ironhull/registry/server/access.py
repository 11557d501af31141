"""Who may do what: users with bcrypt hashes, roles and repositories, out of one TOML file.

    [anonymous]                     # leave the table out: nobody gets in without a password
    role = "pull"
    repositories = ["public/*"]

    [users.alice]
    password = "$2y$10$…"           # printed by: htpasswd -nB alice
    role = "push"                   # pull, push (and pull), admin (and delete)
    repositories = ["team/*", "base"]   # `*` matches any text; left out: all

The file is read again when it changes. With no file everybody is an admin.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import bcrypt

from ironhull.errors import InputError
from ironhull.registry.server.refusal import Refusal

# What each role may do; distribution-spec has no word for this, so ours are its workflows.
ROLES = {"none": 0, "pull": 1, "push": 2, "admin": 3}
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_MAX_FILE = 1 << 20
_REMEMBERED = 300.0
_CHECK_EVERY = 2.0
_MAX_LOGINS = 64


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
    """A users file as read."""

    anonymous: Identity
    users: Mapping[str, Identity] = field(default_factory=dict)
    hashes: Mapping[str, bytes] = field(default_factory=dict)


OPEN = Rules(Identity(None, "admin"))


def read_rules(path: Path) -> Rules:
    """The users file at `path`; InputError says what is wrong in it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
        if len(data) > _MAX_FILE:
            raise InputError(f"{path}: larger than {_MAX_FILE} bytes")
        value = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
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
    return Rules(anonymous, users, hashes)


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
            f"{path}: users.{name}: password is not a bcrypt hash (make one: htpasswd -nB {name})"
        )
    # 2^16 rounds take about four seconds of a core for each wrong password.
    if not 4 <= int(match[1]) <= 16:
        raise InputError(f"{path}: users.{name}: bcrypt cost {match[1]} is not between 4 and 16")
    return str(value).encode()


class Access:
    """The rules in force, and the checking of passwords and tokens. Safe from several threads."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rules = OPEN if path is None else read_rules(path)
        self._stamp = self._file_stamp()
        self._checked = time.monotonic()
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._known: dict[bytes, float] = {}
        self._logins = 0
        # A name that does not exist takes as long to refuse as a wrong password.
        self._decoy = bcrypt.hashpw(b"decoy", bcrypt.gensalt(10)) if path else b""

    @property
    def has_users(self) -> bool:
        return bool(self._rules.users)

    @property
    def anonymous(self) -> Identity:
        return self._rules.anonymous

    def refresh(self) -> str | None:
        """Read the file again if it changed; the reason if the old rules had to stay."""
        now = time.monotonic()
        if self._path is None or now - self._checked < _CHECK_EVERY:
            return None
        self._checked = now
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            self._rules = read_rules(self._path)
        except InputError as error:
            return f"{error}; the rules read before stay in force"
        return None

    @contextmanager
    def login(self) -> Iterator[None]:
        """Around a slow check; TOOMANYREQUESTS if too many wait for theirs. Event loop only."""
        if self._logins >= _MAX_LOGINS:
            raise Refusal(
                "TOOMANYREQUESTS", "too many logins at once", headers={"retry-after": "5"}
            )
        self._logins += 1
        try:
            yield
        finally:
            self._logins -= 1

    def remembered(self, name: str, password: str) -> Identity | None:
        """The user, if these credentials were right a short time ago."""
        rules = self._rules
        if name not in rules.users:
            return None
        with self._lock:
            until = self._known.get(self._key(name, password, rules.hashes[name]), 0.0)
        return rules.users[name] if until > time.monotonic() else None

    def check(self, name: str, password: str) -> Identity | None:
        """The user whose password this is; None if it is not. Slow on purpose (bcrypt)."""
        rules = self._rules
        stored = rules.hashes.get(name, self._decoy)
        data = password.encode()
        # bcrypt reads 72 bytes; a longer password would be checked by its beginning only.
        right = len(data) <= 72 and b"\0" not in data and bcrypt.checkpw(data, stored)
        if not right or name not in rules.users:
            return None
        with self._lock:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[self._key(name, password, stored)] = time.monotonic() + _REMEMBERED
        return rules.users[name]

    def issue(self, identity: Identity, seconds: int = 300) -> str:
        """A token that says who this is, good for this run of the server only."""
        text = f"{identity.name or ''}:{int(time.time()) + seconds}"
        return f"{text.encode().hex()}.{self._sign(text)}"

    def bearer(self, token: str) -> Identity | None:
        """Who a token was issued to; None if it is forged, expired or its user is gone."""
        head, _, signature = token.partition(".")
        try:
            text = bytes.fromhex(head).decode()
        except ValueError:
            return None
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        name, _, until = text.rpartition(":")
        if int(until) < time.time():
            return None
        return self._rules.users.get(name) if name else self._rules.anonymous

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _key(self, name: str, password: str, stored: bytes) -> bytes:
        data = b"\0".join((name.encode(), stored, password.encode()))
        return hmac.new(self._secret, data, hashlib.sha256).digest()

    def _file_stamp(self) -> tuple[int, int]:
        if self._path is None:
            return (0, 0)
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)
