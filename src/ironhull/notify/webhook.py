"""Webhooks: JSON that a receiver can verify (Standard Webhooks), and what chats take."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ironhull.errors import InputError
from ironhull.notify.interface import Post
from ironhull.notify.message import Message
from ironhull.reports.text import harmless_lines

_PREFIX = "whsec_"
MIN_SECRET, MAX_SECRET = 24, 64
"""Bytes of a secret, as the specification has them."""
MAX_TEXT = 3000
"""Characters of a chat's message."""


def parse_secret(text: str) -> bytes:
    """`whsec_` and base64, as the specification writes a secret; InputError for anything else."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise InputError(
            f"a webhook's secret is {_PREFIX} and {MIN_SECRET} to {MAX_SECRET} random bytes in"
            f" base64 (for example: {_PREFIX}$(head -c 32 /dev/urandom | base64))"
        )
    return secret


def signature(secret: bytes, identifier: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` (Standard Webhooks 1.0, symmetric)."""
    signed = b".".join((identifier.encode(), str(timestamp).encode(), body))
    made = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """POSTs the message as JSON, signed if there is a secret."""

    url: str
    post: Post
    now: Callable[[], int]
    """Seconds since 1970: a receiver refuses what is old."""
    secret: bytes = b""

    @property
    def name(self) -> str:
        """As `Channel.name`; the address's path and query may be secrets."""
        return f"webhook {urlsplit(self.url).hostname or ''}"

    def send(self, message: Message) -> None:
        """As `Channel.send`."""
        body, timestamp = message.body(), self.now()
        headers = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
        }
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, message.id, timestamp, body)
        self.post(self.url, headers, body)


@dataclass(frozen=True, slots=True)
class Chat:
    """A message that Slack's incoming webhooks take, and all that are made after them."""

    url: str
    post: Post

    @property
    def name(self) -> str:
        """As `Channel.name`."""
        return f"slack {urlsplit(self.url).hostname or ''}"

    def send(self, message: Message) -> None:
        """As `Channel.send`."""
        text = harmless_lines(message.text)
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]} …"
        body = json.dumps({"text": _escaped(f"{message.title}\n{text}")})
        self.post(self.url, {"content-type": "application/json"}, body.encode())


def _escaped(text: str) -> str:
    """Its control characters as entities: what feeds write must not mention or link anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
