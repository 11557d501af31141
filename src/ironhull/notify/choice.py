"""Which channels there are, and what each is told: the `[[notify]]` tables of a watcher's policy.

[[notify]]
webhook = "https://hooks.example/ironhull"
secret-file = "/etc/ironhull/webhook.secret"
kinds = ["held", "failed"]

[[notify]]
slack = "https://chat.example/services/…"

[[notify]]
mail = "smtps://ironhull@mail.example"
password-file = "/etc/ironhull/mail.password"
from = "ironhull@example.org"
to = ["platform@example.org"]

[[notify]]
command = ["/usr/local/bin/told"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.notify.mail import MailServer
from ironhull.notify.message import KINDS, Kind
from ironhull.notify.webhook import parse_secret
from ironhull.transport.address import parts_of

MAX_CHANNELS = 20
_MAX_SECRET = 4096
_WAYS = {
    "webhook": {"secret-file"},
    "slack": set(),
    "mail": {"from", "to", "password-file"},
    "command": set(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """One channel as it is asked for; secrets stay in their files until something is sent."""

    way: str
    """webhook, slack, mail or command."""
    target: str | tuple[str, ...]
    """An address, or the words of a command."""
    kinds: frozenset[Kind] = frozenset(KINDS)
    secret_file: Path | None = None
    """Of a webhook's secret, or of a mail server's password."""
    sender: str = ""
    recipients: tuple[str, ...] = ()


def parse_channels(value: object) -> tuple[ChannelChoice, ...]:
    """The tables as choices; InputError names the table and what is wrong with it."""
    if not isinstance(value, list) or len(value) > MAX_CHANNELS:
        raise InputError(f"notify: expected at most {MAX_CHANNELS} tables [[notify]]")
    found = []
    for number, table in enumerate(value, start=1):
        try:
            if not isinstance(table, dict):
                raise InputError("expected a table [[notify]]")
            found.append(_choice(table))
        except InputError as error:
            raise InputError(f"notify {number}: {error}") from None
    return tuple(found)


def _choice(table: Mapping[str, Any]) -> ChannelChoice:
    ways = [way for way in _WAYS if way in table]
    if len(ways) != 1:
        raise InputError(f"expected one of {', '.join(_WAYS)}, got {', '.join(ways) or 'none'}")
    way = ways[0]
    known = {way, "kinds", *_WAYS[way]}
    for key in table:
        if key not in known:
            raise InputError(f"unknown key {key!r:.60} (there are: {', '.join(sorted(known))})")
    kinds = table.get("kinds", list(KINDS))
    if not isinstance(kinds, list) or not kinds or any(kind not in KINDS for kind in kinds):
        raise InputError(f"kinds: expected a list of some of {', '.join(KINDS)}")
    secret = table.get("secret-file", table.get("password-file"))
    if secret is not None and not isinstance(secret, str):
        raise InputError("a file of a secret is a path")
    return ChannelChoice(
        way,
        _target(way, table[way]),
        frozenset(kinds),
        None if secret is None else Path(secret),
        *_people(way, table),
    )


def _target(way: str, value: object) -> str | tuple[str, ...]:
    if way == "command":
        if not isinstance(value, list) or not value or any(not isinstance(w, str) for w in value):
            raise InputError('command: expected its words, as in ["/usr/local/bin/told"]')
        return tuple(value)
    if not isinstance(value, str):
        raise InputError(f"{way}: expected an address")
    if way == "mail":
        MailServer.parse(value)
    elif parts_of(value).scheme not in ("http", "https") or not parts_of(value).hostname:
        raise InputError(f"{way}: expected an address that begins with https://")
    return value


def _people(way: str, table: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if way != "mail":
        return "", ()
    sender, recipients = table.get("from"), table.get("to")
    if not isinstance(sender, str) or not _is_address(sender):
        raise InputError("from: expected an address, as in ironhull@example.org")
    if not isinstance(recipients, list) or not recipients:
        raise InputError("to: expected a list of addresses")
    for one in recipients:
        if not isinstance(one, str) or not _is_address(one):
            raise InputError(f"to: {one!r:.60} is no address")
    return sender, tuple(recipients)


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(at and local and domain) and text.isprintable() and " " not in text


def read_secret(path: Path) -> str:
    """The text of a file with a secret; InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SECRET).decode().strip()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} holds no text") from None


def webhook_secret(choice: ChannelChoice) -> bytes:
    """What signs a webhook; empty if nothing does."""
    return b"" if choice.secret_file is None else parse_secret(read_secret(choice.secret_file))
