"""Requests to one registry: with its authorization, and following redirects without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from urllib3.response import BaseHTTPResponse

from ironhull.errors import NetworkError
from ironhull.registry.client.answers import MAX_ERROR_TEXT, refused
from ironhull.registry.client.auth import Authorizer, Scope
from ironhull.registry.client.challenge import parse_challenges
from ironhull.registry.client.wire import Answer, Broken, Request, Wire, bare, discard, origin

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 6
# One challenge at first, one when a token has expired in between.
_MAX_CHALLENGES = 2


class Session:
    """One registry at `base` (scheme and host); `registry` is its name in messages."""

    def __init__(self, registry: str, base: str, wire: Wire, authorizer: Authorizer) -> None:
        self.registry = registry
        self.base = base
        self.wire = wire
        self._authorizer = authorizer

    def url(self, location: str, relative_to: str = "") -> str:
        """An address below the registry: a path of ours, or a Location or Link of the server's.

        NetworkError if it is nothing to send a request to.
        """
        url = urljoin(relative_to or self.base, location)
        self._check(url)
        return url

    def is_own(self, url: str) -> bool:
        """Whether the address is the registry's own, where its credentials may go."""
        return origin(url) == origin(self.base)

    def call(
        self, request: Request, scope: Scope, *expected: int, what: str, limit: int = MAX_ERROR_TEXT
    ) -> Answer:
        """The answer, of at most `limit` bytes; Refused if its status is none of `expected`."""
        attempts = self.wire.patience.attempts if request.retry else 1
        for attempt in range(1, attempts + 1):
            response, url = self._open(request, scope)
            keep = limit if response.status in expected else max(limit, MAX_ERROR_TEXT)
            try:
                answer = self.wire.collect(response, url, keep)
            except NetworkError as error:
                broken = isinstance(error, Broken)
                if attempt < attempts and response.status in expected and broken:
                    self.wire.pause(self.wire.patience.first_wait * attempt)
                    continue
                if response.status in expected:
                    kind = Broken if broken else NetworkError
                    raise kind(f"{self.where(scope)}: {what}: {error}") from None
                answer = bare(response, url)
            if answer.status not in expected:
                raise refused(self.where(scope), what, answer)
            return answer
        raise NetworkError(f"{self.where(scope)}: {what}: no attempt was allowed")

    @contextmanager
    def stream(
        self, request: Request, scope: Scope, *expected: int, what: str
    ) -> Iterator[BaseHTTPResponse]:
        """The response with its body to be read by `wire.read`; Refused as in `call`."""
        response, url = self._open(request, scope)
        if response.status not in expected:
            try:
                answer = self.wire.collect(response, url, MAX_ERROR_TEXT)
            except NetworkError:
                answer = bare(response, url)
            raise refused(self.where(scope), what, answer)
        try:
            yield response
        finally:
            discard(response)

    def where(self, scope: Scope) -> str:
        return f"{self.registry}/{scope.repository}" if scope.repository else self.registry

    def _open(self, request: Request, scope: Scope) -> tuple[BaseHTTPResponse, str]:
        for _ in range(_MAX_REDIRECTS):
            response = self._authorised(request, scope)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                return response, request.url
            discard(response)
            target = self.url(location, request.url)
            if request.method not in ("GET", "HEAD"):
                raise NetworkError(
                    f"{self.where(scope)}: redirects a {request.method} to "
                    f"{origin(target)[1]}; name the registry by its own address"
                )
            request = request.to(target)
        raise NetworkError(f"{self.where(scope)}: more than {_MAX_REDIRECTS} redirects")

    def _authorised(self, request: Request, scope: Scope) -> BaseHTTPResponse:
        if not self.is_own(request.url):
            return self.wire.send(request)
        header = self._authorizer.header(scope)
        for _ in range(_MAX_CHALLENGES):
            sent = request.adding({"authorization": header}) if header else request
            response = self.wire.send(sent)
            if response.status != 401:
                return response
            challenges = parse_challenges(response.headers.getlist("www-authenticate"))
            better = self._authorizer.challenged(challenges, scope, header)
            if better is None:
                return response
            discard(response)
            header = better
        return self.wire.send(request.adding({"authorization": header or ""}))

    def _check(self, url: str) -> None:
        scheme, host, _ = origin(url)
        parts = urlsplit(url)
        if scheme not in ("http", "https") or not host:
            raise NetworkError(f"{self.registry}: sends us to {url!r:.200}")
        if "@" in parts.netloc:
            raise NetworkError(f"{self.registry}: sends us to an address with a login in it")
        if scheme == "http" and origin(self.base)[0] == "https":
            raise NetworkError(
                f"{self.registry}: sends us from https to plain http at {host}; not followed"
            )
