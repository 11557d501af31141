"""Going where a server sends us, by the rule of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urljoin

from urllib3.response import BaseHTTPResponse

from ironhull.errors import NetworkError
from ironhull.transport.address import origin
from ironhull.transport.exchange import discard
from ironhull.transport.message import Request

MOVED = frozenset({301, 302, 303, 307, 308})
_LOGINS = frozenset({"authorization", "cookie", "proxy-authorization"})


class RedirectRule(Protocol):
    """Where the servers of a protocol may send its clients, and what is said when they may not."""

    @property
    def most(self) -> int:
        """How many redirects in a row are followed."""
        ...

    def check(self, request: Request, target: str) -> None:
        """NetworkError if `request` is not to be sent to `target`, an absolute address."""
        ...

    def endless(self, target: str) -> NetworkError:
        """What to raise after `most` redirects, the last of them to `target`."""
        ...


def follow(
    send: Callable[[Request], BaseHTTPResponse], request: Request, rule: RedirectRule
) -> tuple[BaseHTTPResponse, str]:
    """The first response that is no redirect, and its address.

    Never from TLS to anything else, and a login never to another server, whatever the rule says.
    """
    for _ in range(rule.most + 1):
        response = send(request)
        location = response.headers.get("location")
        if response.status not in MOVED or location is None:
            return response, request.url
        discard(response)
        target = _joined(request.url, location)
        rule.check(request, target)
        if steps_down(request.url, target):
            raise NetworkError(f"{origin(request.url)[1]}: redirects from TLS to what is not")
        request = _without_login(request, target)
    raise rule.endless(request.url)


def steps_down(url: str, target: str) -> bool:
    """Whether a redirect would leave TLS."""
    return origin(url)[0] == "https" and origin(target)[0] != "https"


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NetworkError(
            f"{origin(url)[1]}: redirects to no address: {location!r:.200}"
        ) from None


def _without_login(request: Request, target: str) -> Request:
    if origin(target) == origin(request.url):
        return request.to(target)
    kept = {name: text for name, text in request.headers.items() if name.lower() not in _LOGINS}
    return Request(request.method, target, kept, request.body, request.retry)
