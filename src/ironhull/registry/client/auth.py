"""Authorization for one registry: anonymous, basic, or a token (distribution's token spec).

Credentials go to the registry's own origin and to the token server it names, over TLS or to this
machine itself, and nowhere else.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from ironhull.errors import NetworkError
from ironhull.registry.client.answers import MAX_ERROR_TEXT, refused
from ironhull.registry.client.challenge import Challenge
from ironhull.registry.client.credentials import Credentials, Login
from ironhull.transport.address import is_loopback, origin
from ironhull.transport.exchange import Exchange
from ironhull.transport.message import Answer, Request, bytes_body
from ironhull.values import dataclass

_MAX_TOKEN = 1 << 16
_MAX_ANSWER = 1 << 18
_TOKEN = re.compile(r"[\x21-\x7e]+")
# Token spec: a token without expires_in lives for sixty seconds; ours end a little before theirs.
_DEFAULT_SECONDS = 60
_MARGIN = 10
_CLIENT_ID = "ironhull"


@dataclass(frozen=True, slots=True)
class Scope:
    """What requests want to do: `actions` on a repository, and pull from those `also` named."""

    repository: str
    actions: str = "pull"
    also: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The scopes as a token server wants them."""
        if not self.repository:
            return ()
        return (
            f"repository:{self.repository}:{self.actions}",
            *(f"repository:{name}:pull" for name in self.also),
        )


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    until: float


class Authorizer:
    """The Authorization header of each request to one registry, learned from its challenges."""

    def __init__(
        self, registry: str, base: str, exchange: Exchange, credentials: Credentials
    ) -> None:
        self._registry = registry
        self._base = base
        self._exchange = exchange
        self._credentials = credentials
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._logins: dict[str, Login | None] = {}
        self._tokens: dict[tuple[str, ...], _Token] = {}

    def header(self, scope: Scope) -> str | None:
        """What to send without having been asked; None before the first challenge."""
        with self._lock:
            return None if self._challenge is None else self._answer(self._challenge, scope)

    def challenged(
        self, challenges: Sequence[Challenge], scope: Scope, rejected: str | None
    ) -> str | None:
        """What to send after a 401; None if there is nothing better than what was `rejected`."""
        offered = {challenge.scheme: challenge for challenge in challenges}
        challenge = offered.get("bearer") or offered.get("basic")
        if challenge is None:
            return None
        with self._lock:
            self._challenge = challenge
            key = scope.texts
            if key in self._tokens and self._tokens[key].header == rejected:
                del self._tokens[key]
            header = self._answer(challenge, scope)
            return None if header == rejected else header

    def _answer(self, challenge: Challenge, scope: Scope) -> str | None:
        if challenge.scheme == "basic":
            login = self._login(scope, self._base)
            return None if login is None or not login.username else _basic(login)
        key = scope.texts
        token = self._tokens.get(key)
        if token is None or token.until < time.monotonic():
            token = self._tokens[key] = self._fetch(challenge, scope)
        return token.header

    def _login(self, scope: Scope, url: str) -> Login | None:
        repository = scope.repository
        if repository not in self._logins:
            self._logins[repository] = self._credentials.find(
                self._registry, repository, self._exchange.progress.note
            )
        login = self._logins[repository]
        scheme, host, _ = origin(url)
        if login is not None and scheme != "https" and not is_loopback(host):
            self._exchange.progress.note(
                f"going on without the login from {login.source}: "
                f"{host} is reached over plain http, where anybody could read it"
            )
            return None
        return login

    def _fetch(self, challenge: Challenge, scope: Scope) -> _Token:
        realm = self._realm(challenge)
        # What a login gets is as good as the login: it must not travel in plain text either.
        login = self._login(scope, self._base) and self._login(scope, realm)
        scopes = list(scope.texts)
        for asked in challenge.parameters.get("scope", "").split():
            if asked not in scopes and len(asked) < 1000:
                scopes.append(asked)
        service = challenge.parameters.get("service", "")
        request = _token_request(realm, service, scopes, login)
        answer = self._exchange.ask(request, _MAX_ANSWER)
        if answer.status in (404, 405) and login is not None and login.identity_token:
            # A token server that knows only GET takes the identity token as a password.
            stand_in = Login(login.username or "<token>", login.identity_token, login.source)
            answer = self._exchange.ask(
                _token_request(realm, service, scopes, stand_in), _MAX_ANSWER
            )
        if answer.status != 200:
            who = f"the login from {login.source}" if login else "an anonymous request"
            what = f"token for {' '.join(scopes) or 'no scope'} with {who}"
            short = Answer(answer.status, answer.headers, answer.body[:MAX_ERROR_TEXT], answer.url)
            raise refused(f"{self._registry}: token server {origin(realm)[1]}", what, short)
        return self._token(answer, realm)

    def _realm(self, challenge: Challenge) -> str:
        realm = challenge.parameters.get("realm", "")
        scheme, host, _ = origin(realm)
        if scheme not in ("http", "https") or not host or "@" in urlsplit(realm).netloc:
            raise NetworkError(f"{self._registry}: names no usable token server: {realm!r:.200}")
        if scheme == "http" and origin(self._base)[0] == "https":
            raise NetworkError(f"{self._registry}: names a token server over plain http: {host}")
        return realm

    def _token(self, answer: Answer, realm: str) -> _Token:
        try:
            value = json.loads(answer.body)
            token = value.get("token") or value.get("access_token")
            seconds = value.get("expires_in") or _DEFAULT_SECONDS
        except (ValueError, AttributeError, RecursionError):
            token = seconds = None
        if (
            not isinstance(token, str)
            or not _TOKEN.fullmatch(token[: _MAX_TOKEN + 1])
            or len(token) > _MAX_TOKEN
        ):
            raise NetworkError(
                f"{self._registry}: token server {origin(realm)[1]} answered without a token"
            )
        lifetime = seconds if isinstance(seconds, int | float) else _DEFAULT_SECONDS
        lifetime = max(lifetime - _MARGIN, lifetime / 2)
        return _Token(f"Bearer {token}", time.monotonic() + min(lifetime, 86400))


def _token_request(realm: str, service: str, scopes: Sequence[str], login: Login | None) -> Request:
    if login is not None and login.identity_token and not login.password:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT_ID,
            "scope": " ".join(scopes),
            "refresh_token": login.identity_token,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, headers, bytes_body(urlencode(form).encode()))
    query = [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    if login is not None:
        query.append(("account", login.username))
    url = realm + ("&" if urlsplit(realm).query else "?") + urlencode(query) if query else realm
    headers = {"authorization": _basic(login)} if login is not None else {}
    return Request("GET", url, headers)


def _basic(login: Login) -> str:
    pair = f"{login.username}:{login.password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")
