"""One HTTP exchange with a server that may be slow, broken or hostile: time-outs, retries, limits.

Knows nothing of registries, logins or redirects: those are `session`'s and `auth`'s.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    NewConnectionError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from ironhull import transport
from ironhull.errors import EnvironmentProblem, InputError, NetworkError
from ironhull.progress import Progress, Silent

CHUNK = 1 << 18
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_DRAIN = 1 << 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often: seconds and counts.

    `longest_wait` is what a server may ask for with Retry-After before we give up instead;
    `small_body` is the time in which a manifest, token or list must have come whole.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 90.0
    small_body: float = 120.0
    connect: float = 15.0
    read: float = 60.0


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is made anew for each attempt; `size` bytes."""

    open: Callable[[], Iterable[bytes]]
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `retry`: a failed attempt may be repeated as it is."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    retry: bool = True

    def adding(self, headers: Mapping[str, str]) -> Request:
        return Request(self.method, self.url, {**self.headers, **headers}, self.body, self.retry)

    def to(self, url: str) -> Request:
        return Request(self.method, url, self.headers, self.body, self.retry)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response whose body was small enough to hold."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes
    url: str


class Broken(NetworkError):
    """The exchange did not come to its end; another one may."""


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials are bound to."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NetworkError(f"not an address: {url!r:.200}") from None
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), port or (443 if scheme == "https" else 80)


class Wire:
    """Connections to any number of servers, shared by threads. `stop` ends all that goes on."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.patience = patience or Patience()
        self.progress = progress or Silent()
        self.stop = threading.Event()
        self._context = context
        self._pools: dict[tuple[str, str, int], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> BaseHTTPResponse:
        """The response, its body unread; failures that may pass are retried before.

        Broken: no response came, or none but 429 and 5xx (those are returned as the last was).
        """
        patience = self.patience
        attempts = patience.attempts if request.retry else 1
        for attempt in range(1, attempts + 1):
            wait = patience.first_wait * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311
            try:
                response = self._once(request)
            except Broken as error:
                if attempt == attempts or (attempt > 1 and _never_there(error)):
                    raise
                reason = str(error)
            else:
                if response.status not in _RETRIED or attempt == attempts:
                    return response
                asked = retry_after(response.headers.get("retry-after"))
                if asked is not None and asked > patience.longest_wait:
                    return response
                wait = max(wait, asked or 0.0)
                discard(response)
                reason = f"{_host(request.url)} answered {response.status}"
            self.progress.note(f"{reason}; trying again in {wait:.1f} s")
            self.pause(wait)
        raise EnvironmentProblem("no attempt was allowed")

    def ask(self, request: Request, limit: int) -> Answer:
        """The whole answer; NetworkError if its body has more than `limit` bytes or dawdles.

        A body that breaks off is asked for again.
        """
        attempts = self.patience.attempts if request.retry else 1
        for attempt in range(1, attempts + 1):
            response = self.send(request)
            try:
                return self.collect(response, request.url, limit)
            except Broken:
                if attempt == attempts:
                    raise
                self.pause(self.patience.first_wait * attempt)
        raise EnvironmentProblem("no attempt was allowed")

    def collect(self, response: BaseHTTPResponse, url: str, limit: int) -> Answer:
        """Read a small body to its end and give the connection back."""
        until = time.monotonic() + self.patience.small_body
        parts: list[bytes] = []
        size = 0
        try:
            while data := self.read(response, min(CHUNK, limit + 1 - size)):
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise NetworkError(
                        f"{_host(url)} answers {urlsplit(url).path} with more than {limit} bytes"
                    )
                if time.monotonic() > until:
                    raise Broken(f"{_host(url)}: too slow, {size} bytes in {until:.0f} s")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return bare(response, url, b"".join(parts))

    def read(self, response: BaseHTTPResponse, amount: int) -> bytes:
        """The next bytes, as many as came; empty at the end. Broken if the connection breaks."""
        self.check()
        try:
            return response.read1(amount, decode_content=False)
        except (HTTPError, OSError) as error:
            raise Broken(f"the connection broke: {transport.reason(error)}") from None

    def pause(self, seconds: float) -> None:
        self.stop.wait(seconds)
        self.check()

    def check(self) -> None:
        """EnvironmentProblem if the work was stopped: by a person, or because a part failed."""
        if self.stop.is_set():
            raise EnvironmentProblem("stopped")

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def _once(self, request: Request) -> BaseHTTPResponse:
        self.check()
        host = _host(request.url)
        headers = {
            "user-agent": transport.USER_AGENT,
            "accept-encoding": "identity",
            **request.headers,
        }
        body = None
        if request.body is not None:
            headers["content-length"] = str(request.body.size)
            body = self._checked(request.body)
        try:
            return self._pool(request.url).request(
                request.method,
                request.url,
                headers=headers,
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self.patience.connect, read=self.patience.read),
            )
        except LocationParseError:
            raise NetworkError(f"not an address: {request.url!r:.200}") from None
        except SSLError as error:
            if "certificate" in str(error).lower():
                raise NetworkError(
                    f"{host}: its TLS certificate is not trusted: {transport.reason(error)} "
                    "(name its authority with --ca FILE or SSL_CERT_FILE)"
                ) from None
            raise Broken(f"{host}: TLS failed: {transport.reason(error)}") from None
        except (HTTPError, OSError) as error:
            broken = Broken(f"{host}: {transport.reason(error)}")
            broken.__cause__ = error
            raise broken from error
        except (ValueError, UnicodeError) as error:
            raise InputError(f"{host}: cannot send this request: {error}") from None

    def _checked(self, body: Body) -> Iterable[bytes]:
        for chunk in body.open():
            self.check()
            yield chunk

    def _pool(self, url: str) -> urllib3.PoolManager:
        key = origin(url)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = transport.pool_for(url, context=self._context)
            return self._pools[key]


def bare(response: BaseHTTPResponse, url: str, body: bytes = b"") -> Answer:
    """A response as a value."""
    return Answer(response.status, urllib3.HTTPHeaderDict(response.headers), body, url)


def discard(response: BaseHTTPResponse) -> None:
    """Be done with a response: a short rest is read so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    with suppress(HTTPError, OSError):
        if length.isdigit() and int(length) <= _MAX_DRAIN:
            response.read(_MAX_DRAIN, decode_content=False)
            response.release_conn()
            return
    response.close()


def bytes_body(data: bytes) -> Body:
    """Bytes at hand as a body."""
    return Body(lambda: (data,) if data else (), len(data))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _never_there(error: Broken) -> bool:
    # Nobody listens, or the name does not exist: one more attempt is enough.
    return isinstance(error.__cause__, NewConnectionError)


def retry_after(value: str | None) -> float | None:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    text = value.strip()
    if text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
