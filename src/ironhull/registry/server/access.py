"""The rules in force, and the checking of passwords and tokens against them.

The users file (see `users`) is read again when it changes. With no file everybody is an admin.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from pathlib import Path

import bcrypt

from ironhull.errors import InputError
from ironhull.registry.server.users import OPEN, Identity, cost_of, read_rules

_REMEMBERED = 300.0
_CHECK_EVERY = 2.0
_KNOWN = 1000
# bcrypt reads 72 bytes; a longer password would be checked by its beginning only.
_LONGEST = 72


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

    @property
    def has_users(self) -> bool:
        """Whether anybody has a password."""
        return bool(self._rules.users)

    @property
    def anonymous(self) -> Identity:
        """Who comes without a password."""
        return self._rules.anonymous

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the users file allows and yet is not wise, a sentence each."""
        return self._rules.remarks

    def refresh(self) -> tuple[str, ...]:
        """Read the file again if it changed; why old rules had to stay, or remarks on the new."""
        now = time.monotonic()
        if self._path is None or now - self._checked < _CHECK_EVERY:
            return ()
        self._checked = now
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return ()
        self._stamp = stamp
        try:
            self._rules = read_rules(self._path)
        except InputError as error:
            return (f"{error}; the rules read before stay in force",)
        return self._rules.remarks

    def key(self, name: str, password: str) -> bytes:
        """What stands for these credentials in memory: another one when the hash changes."""
        stored = self._rules.hashes.get(name, b"")
        data = b"\0".join((name.encode(), stored, password.encode()))
        return hmac.new(self._secret, data, hashlib.sha256).digest()

    def remembered(self, name: str, password: str) -> Identity | None:
        """The user, if these credentials were right a short time ago."""
        with self._lock:
            until = self._known.get(self.key(name, password), 0.0)
        return self._rules.users.get(name) if until > time.monotonic() else None

    def check(self, name: str, password: str) -> Identity | None:
        """The user whose password this is; None if it is not. Slow on purpose (bcrypt).

        Every refusal takes as many rounds as the file's most expensive hash, whatever the user's
        own has and whether there is such a user: its time tells neither.
        """
        rules, key = self._rules, self.key(name, password)
        stored, data = rules.hashes.get(name), password.encode()
        if len(data) > _LONGEST or b"\0" in data:
            return None
        if stored is None:
            _spend(data, rules.cost)
            return None
        if not bcrypt.checkpw(data, stored):
            # 2^c + 2^c + 2^(c+1) + … + 2^(m-1) = 2^m
            for cost in range(cost_of(stored), rules.cost):
                _spend(data, cost)
            return None
        with self._lock:
            if len(self._known) > _KNOWN:
                self._known.clear()
            self._known[key] = time.monotonic() + _REMEMBERED
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

    def _file_stamp(self) -> tuple[int, int]:
        if self._path is None:
            return (0, 0)
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)


def _spend(password: bytes, cost: int) -> None:
    """2^cost rounds of bcrypt, for nothing: the hash is of the form of one and of no password."""
    bcrypt.checkpw(password, b"$2b$%02d$" % cost + b"." * 53)
