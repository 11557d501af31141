"""One HTTP exchange with a server that may be slow, broken or hostile: time-outs, retries, limits.

Knows nothing of protocols above HTTP: where redirects lead is `redirects`' and logins are the
caller's. Each attempt goes as follows.

1. Send, and wait for the response's head; what urllib3 and OpenSSL raise becomes Broken where
   another attempt may do better, else NetworkError.
2. An answer that means "later" (`failure.PASSING`) is a failure of the attempt too.
3. After a failure `patience.Tries` says how long to wait, or that it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, SSLError
from urllib3.response import BaseHTTPResponse

from ironhull.errors import EnvironmentProblem, InputError, NetworkError
from ironhull.progress import Progress, Silent
from ironhull.transport.address import host_of, origin, without_user
from ironhull.transport.failure import PASSING, passing, reason
from ironhull.transport.message import Answer, Body, Request, bare
from ironhull.transport.nearness import Sender
from ironhull.transport.network import Network
from ironhull.transport.patience import Broken, Clock, GaveUp, Patience, Tries
from ironhull.transport.pools import Pools
from ironhull.transport.stop import Stop

CHUNK = 1 << 18
_MAX_DRAIN = 1 << 16

T = TypeVar("T")
Note = Callable[[Broken, float], object]


class Exchange:
    """Exchanges with any number of servers, shared by threads. `stop` ends all that goes on.

    `note` is told of failures that another attempt follows; without one the progress is. With a
    `sender` no server is asked that is nearer than that one.
    """

    def __init__(
        self,
        network: Network,
        patience: Patience,
        *,
        progress: Progress | None = None,
        note: Note | None = None,
        clock: Clock | None = None,
        sender: Sender | None = None,
    ) -> None:
        self.patience = patience
        self.progress = progress or Silent()
        self.stop = Stop()
        self.clock = clock or Clock(sleep=self.pause)
        self._note = note or self._tell
        self._pools = Pools(network, sender)

    def once(self, request: Request) -> BaseHTTPResponse:
        """The response of one attempt, its body unread.

        Broken if another may do better, NetworkError or InputError if not.
        """
        self.check()
        url, headers = _addressed(request, self._pools.network.user_agent)
        body = None
        if request.body is not None:
            headers["content-length"] = str(request.body.size)
            body = self._checked(request.body)
        patience, host = self.patience, host_of(url)
        try:
            pool, target = self._pools.at(url)
            return pool.urlopen(
                request.method,
                target,
                headers=headers,
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=patience.connect, read=patience.idle),
            )
        except LocationParseError:
            raise NetworkError(f"not an address: {url!r:.200}") from None
        except (HTTPError, OSError) as error:
            raise _failed(host, error) from error
        except (ValueError, UnicodeError) as error:
            raise InputError(f"{host}: cannot send this request: {error}") from None

    def persist(
        self,
        request: Request,
        send: Callable[[Request], tuple[BaseHTTPResponse, str]],
        take: Callable[[BaseHTTPResponse, str], T],
    ) -> T:
        """What `take` makes of the response that `send` gave, both again while there is hope.

        An answer that means "later" is taken when hope is over; GaveUp if there never was one.
        """
        tries = self.tries(request)
        while True:
            try:
                response, url = send(request)
                if response.status not in PASSING or not self._later(tries, response, url):
                    return take(response, url)
            except Broken as error:
                tries.again(error)

    def ask(self, request: Request, limit: int) -> Answer:
        """The whole answer; NetworkError if its body has more than `limit` bytes or dawdles."""
        return self.persist(
            request,
            lambda sent: (self.once(sent), sent.url),
            lambda response, url: self.collect(response, url, limit),
        )

    def collect(self, response: BaseHTTPResponse, url: str, limit: int) -> Answer:
        """Read a small body to its end and give the connection back."""
        until = self.clock.now() + self.patience.seconds_for(limit)
        parts: list[bytes] = []
        size = 0
        try:
            while data := self.read(response, min(CHUNK, limit + 1 - size)):
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise NetworkError(
                        f"{host_of(url)} answers {urlsplit(url).path} with more than {limit} bytes"
                    )
                if self.clock.now() > until:
                    raise Broken(host_of(url), "comes in too slowly")
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
            raise Broken(host_of(response.url or ""), reason(error)) from None

    def tries(
        self, request: Request, *, seconds: float | None = None, note: Note | None = None
    ) -> Tries:
        """The attempts at a request, which must have ended within so many seconds."""
        patience = self.patience if request.retry else self.patience.once()
        until = None if seconds is None else self.clock.now() + seconds
        return Tries(patience, self.clock, note or self._note, until=until)

    def pause(self, seconds: float) -> None:
        """Wait; EnvironmentProblem if the work is stopped meanwhile."""
        self.stop.wait(seconds)
        self.check()

    def check(self) -> None:
        """EnvironmentProblem if the work was stopped: by a person, or because a part failed."""
        if self.stop.is_set():
            raise EnvironmentProblem("stopped")

    def close(self) -> None:
        """Close all connections."""
        self._pools.close()

    def _later(self, tries: Tries, response: BaseHTTPResponse, url: str) -> bool:
        """Whether it was waited for another attempt; if not, the response is what there is."""
        with suppress(GaveUp):
            tries.again(passing(response, url), lambda: discard(response))
            return True
        return False

    def _checked(self, body: Body) -> Iterable[bytes]:
        for chunk in body.open():
            self.check()
            yield chunk

    def _tell(self, failure: Broken, pause: float) -> None:
        self.progress.note(f"{failure}; trying again in {pause:.1f} s")


def discard(response: BaseHTTPResponse) -> None:
    """Be done with a response: a short rest is read so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    with suppress(HTTPError, OSError):
        if length.isdigit() and int(length) <= _MAX_DRAIN:
            response.read(_MAX_DRAIN, decode_content=False)
            response.release_conn()
            return
    response.close()


def _addressed(request: Request, user_agent: str) -> tuple[str, dict[str, str]]:
    """Where to send it, and its headers: a login in the address becomes one of them."""
    origin(request.url)  # NetworkError for what the next lines would stumble over
    headers = {"user-agent": user_agent, "accept-encoding": "identity", **request.headers}
    parts = urlsplit(request.url)
    if parts.username is None:
        return request.url, headers
    login = f"{parts.username}:{parts.password or ''}"
    return without_user(request.url), {**urllib3.util.make_headers(basic_auth=login), **headers}


def _failed(host: str, error: HTTPError | OSError) -> NetworkError:
    said = reason(error)
    if not isinstance(error, SSLError):
        nobody = isinstance(error, urllib3.exceptions.NewConnectionError)
        return Broken(host, said, absent=nobody)
    if "certificate" in said.lower():
        return NetworkError(
            f"{host}: its TLS certificate is not trusted: {said} "
            "(name its authority with --ca FILE or SSL_CERT_FILE)"
        )
    if "WRONG_VERSION_NUMBER" in said:
        return NetworkError(f"{host}: TLS failed, it speaks something else there: {said}")
    return Broken(host, f"TLS failed: {said}")
