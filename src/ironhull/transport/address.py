"""Addresses of servers: scheme, host and port, and how a message may show them."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ironhull.errors import NetworkError

_LOGIN = re.compile(r"^([^/?#]*)//[^/?#]*@")


def parts_of(text: str) -> SplitResult:
    """The parts of what somebody wrote as an address; all empty where it is malformed.

    `urlsplit` raises ValueError for such a text, or only where its port is asked for.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


# One request asks it of the same address seven times.
@lru_cache(256)
def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials are bound to. NetworkError if it is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NetworkError(f"not an address: {url!r:.200}") from None
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), port or (443 if scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Whether a host (no port) is this machine by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Host and port as they are written in an address."""
    return parts_of(url).netloc.rpartition("@")[2]


def shown(url: str) -> str:
    """The address as a message may show it: without a password."""
    return without_user(url)


def without_user(url: str) -> str:
    """The address without `user:password@`."""
    return _LOGIN.sub(r"\1//", url)
