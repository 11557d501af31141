"""Requests to one registry: with its authorization, and following redirects without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from urllib3.response import BaseHTTPResponse

from ironhull.errors import NetworkError
from ironhull.oci.digest import Digest
from ironhull.registry.client.answers import MAX_ERROR_TEXT, Refused, refused
from ironhull.registry.client.at_once import AtOnce
from ironhull.registry.client.auth import Authorizer, Scope
from ironhull.registry.client.challenge import parse_challenges
from ironhull.transport.address import origin
from ironhull.transport.exchange import Exchange, discard
from ironhull.transport.failure import PASSING, passing
from ironhull.transport.message import Answer, Request, bare
from ironhull.transport.patience import Broken
from ironhull.transport.redirects import follow
from ironhull.values import dataclass

_MAX_REDIRECTS = 6
_MOST_PLACED = 100_000
# One challenge at first, one when a token has expired in between.
_MAX_CHALLENGES = 2


class Placed:
    """In which repository of a registry a blob is known to be: others can mount it from there."""

    def __init__(self) -> None:
        self._found: dict[Digest, str] = {}

    def note(self, digest: Digest, repository: str) -> None:
        """It was just brought there, or seen there."""
        if len(self._found) >= _MOST_PLACED:
            self._found.clear()
        self._found.setdefault(digest, repository)

    def where(self, digest: Digest) -> str | None:
        """A repository that had it; None: not known."""
        return self._found.get(digest)


class Session:
    """One registry at `base` (scheme and host); `registry` is its name in messages."""

    def __init__(
        self, registry: str, base: str, exchange: Exchange, authorizer: Authorizer
    ) -> None:
        self.registry = registry
        self.base = base
        self.exchange = exchange
        self.at_once = AtOnce()
        self.tags_at_once = AtOnce()
        self.together = False
        """Whether the registry was seen to take many parts in one request (`registry.together`).

        It then also knows conditions of tags (If-Match).
        """
        self.placed = Placed()
        self._authorizer = authorizer

    def url(self, location: str, relative_to: str = "") -> str:
        """An address below the registry: a path of ours, or a Location or Link of the server's.

        NetworkError if it is nothing to send a request to.
        """
        url = urljoin(relative_to or self.base, location)
        self.check(url)
        return url

    def is_own(self, url: str) -> bool:
        """Whether the address is the registry's own, where its credentials may go."""
        return origin(url) == origin(self.base)

    def call(
        self, request: Request, scope: Scope, *expected: int, what: str, limit: int = MAX_ERROR_TEXT
    ) -> Answer:
        """The answer, of at most `limit` bytes; Refused if its status is none of `expected`."""

        def take(response: BaseHTTPResponse, url: str) -> Answer:
            if response.status not in expected:
                raise self._refused(response, url, scope, what, limit)
            try:
                return self.exchange.collect(response, url, limit)
            except Broken as error:
                raise error.at(f"{self.where(scope)}: {what}") from None
            except NetworkError as error:
                raise NetworkError(f"{self.where(scope)}: {what}: {error}") from None

        return self.exchange.persist(request, lambda sent: self._open(sent, scope), take)

    @contextmanager
    def attempt(
        self, request: Request, scope: Scope, *expected: int, what: str
    ) -> Iterator[BaseHTTPResponse]:
        """The response of one attempt, for `exchange.read`; Refused as in `call`.

        Broken, caused by Refused, for an answer that means "later".
        """
        response, url = self._open(request, scope)
        if response.status not in expected:
            # First its words, which are gone with the response.
            failure = passing(response, url) if response.status in PASSING else None
            said = self._refused(response, url, scope, what)
            if failure is None:
                raise said
            raise failure from said
        try:
            yield response
        finally:
            discard(response)

    def where(self, scope: Scope) -> str:
        """What messages call the place that a scope is about."""
        return f"{self.registry}/{scope.repository}" if scope.repository else self.registry

    def _refused(
        self, response: BaseHTTPResponse, url: str, scope: Scope, what: str, limit: int = 0
    ) -> Refused:
        try:
            answer = self.exchange.collect(response, url, max(limit, MAX_ERROR_TEXT))
        except NetworkError:
            answer = bare(response, url)
        return refused(self.where(scope), what, answer)

    def _open(self, request: Request, scope: Scope) -> tuple[BaseHTTPResponse, str]:
        rule = _RegistryRedirects(self, self.where(scope))
        return follow(lambda sent: self._authorised(sent, scope), request, rule)

    def _authorised(self, request: Request, scope: Scope) -> BaseHTTPResponse:
        if not self.is_own(request.url):
            return self.exchange.once(request)
        header = self._authorizer.header(scope)
        for _ in range(_MAX_CHALLENGES):
            sent = request.adding({"authorization": header}) if header else request
            response = self.exchange.once(sent)
            if response.status != 401:
                return response
            challenges = parse_challenges(response.headers.getlist("www-authenticate"))
            try:
                better = self._authorizer.challenged(challenges, scope, header)
            except BaseException:
                # No token, no login that can be read: nobody else lets this connection go.
                discard(response)
                raise
            if better is None:
                return response
            discard(response)
            header = better
        return self.exchange.once(request.adding({"authorization": header or ""}))

    def check(self, url: str) -> None:
        """NetworkError if a registry may not send us to this address."""
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


@dataclass(frozen=True, slots=True)
class _RegistryRedirects:
    """Registries send those who read to where the bytes are, and nobody who writes."""

    session: Session
    where: str
    most: int = _MAX_REDIRECTS

    def check(self, request: Request, target: str) -> None:
        """NetworkError for what is not followed."""
        self.session.check(target)
        if request.method not in ("GET", "HEAD"):
            raise NetworkError(
                f"{self.where}: redirects a {request.method} to "
                f"{origin(target)[1]}; name the registry by its own address"
            )

    def endless(self, target: str) -> NetworkError:
        """That redirects do not end."""
        return NetworkError(f"{self.where}: more than {self.most} redirects")
