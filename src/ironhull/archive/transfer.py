"""Gets the bytes at an address of an archive: http, https and file.

Says nothing about whether they are the right bytes: see `archive.fetch`. Retries, resuming and
deadlines are `transport`'s; here is what a mirror's answers mean, and where mirrors may send us.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

from urllib3.response import BaseHTTPResponse

from ironhull.archive.mirror import local_path
from ironhull.errors import EnvironmentProblem, NetworkError, NotFoundError, UntrustedError
from ironhull.transport.address import parts_of, shown
from ironhull.transport.exchange import CHUNK, Exchange, discard
from ironhull.transport.failure import PASSING, passing
from ironhull.transport.message import Request
from ironhull.transport.network import DIRECT, Network
from ironhull.transport.patience import Broken, Clock, GaveUp, Patience
from ironhull.transport.receive import Reception
from ironhull.transport.redirects import follow, steps_down

PATIENCE = Patience(
    attempts=4,
    all_attempts=16,
    unreachable=4,
    first_wait=0.4,
    longest_wait=60,
    connect=15,
    idle=45,
    whole=90,
    rate=16_000,
)

Sink = Callable[[bytes], object]


# A file that was changed a moment before it was sent may change again within the same second.
_SETTLED = timedelta(minutes=1)


class AbsentError(NotFoundError):
    """The server answers and does not have the file."""


class _UnchangedError(Exception):
    """The server has what we have."""


class Transfer:
    """Downloads; one object for all threads, it keeps connections open.

    `note` is told of each trouble of a server once.
    """

    def __init__(
        self,
        patience: Patience = PATIENCE,
        *,
        network: Network = DIRECT,
        clock: Clock | None = None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._patience = patience
        self._note = note
        self._noted: set[tuple[str, str]] = set()
        self._guard = threading.Lock()
        self._exchange = Exchange(network, patience, note=self._note_once, clock=clock)

    def get(self, url: str, sink: Sink, *, limit: int, fresh: bool = False) -> int:
        """Hand the bytes at `url` to `sink`, in order, each once; returns how many.

        `fresh` asks caches on the way not to answer. AbsentError if the file is not there,
        UntrustedError if it has more than `limit` bytes, NetworkError for all else.
        """
        if local_path(url) is not None:
            return _copy(url, sink, limit)
        headers = {"cache-control": "no-cache", "pragma": "no-cache"} if fresh else {}
        request = Request("GET", url, headers)
        reception = Reception(self._exchange, shown(url), sink, limit)
        tries = self._exchange.tries(request, seconds=self._patience.seconds_for(limit))
        try:
            reception.run(lambda more: self._opened(request.adding(more)), tries)
        except GaveUp as error:
            raise NetworkError(error.in_words(reception.written)) from None
        return reception.written

    def get_changed(self, url: str, sink: Sink, *, limit: int, known: str) -> str | None:
        """As `get` with `fresh`, unless the server has what `known` stands for: then None.

        What is given back stands for the bytes that came, for the next time; empty where the server
        says nothing that could. One request, whatever the answer (RFC 9110, 13.1).
        """
        said: list[str] = []
        headers = {"cache-control": "no-cache", "pragma": "no-cache", **_condition(known)}
        request = Request("GET", url, headers)
        reception = Reception(self._exchange, shown(url), sink, limit)
        tries = self._exchange.tries(request, seconds=self._patience.seconds_for(limit))
        try:
            reception.run(lambda more: self._opened(request.adding(more), said), tries)
        except GaveUp as error:
            raise NetworkError(error.in_words(reception.written)) from None
        except _UnchangedError:
            return None
        return said[-1] if said else ""

    @contextmanager
    def _opened(
        self, request: Request, said: list[str] | None = None
    ) -> Iterator[BaseHTTPResponse]:
        try:
            response, _ = follow(self._exchange.once, request, MirrorRedirects(request.url))
            try:
                _must_have(response, request)
                if said is not None:
                    said.append(_validator(response))
                yield response
            finally:
                discard(response)
        except Broken as error:
            raise error.at(shown(request.url)) from None

    def _note_once(self, failure: Broken, pause: float) -> None:
        """One trouble of a server concerns many files: say it with the first."""
        trouble = (parts_of(failure.where).netloc, failure.reason)
        with self._guard:
            known = trouble in self._noted
            self._noted.add(trouble)
        if not known:
            self._note(f"{failure}; trying again")


@dataclass(frozen=True, slots=True)
class MirrorRedirects:
    """Mirrors send us to each other, over http or https; `url` is what was asked for at first."""

    url: str
    most: int = 6

    def check(self, request: Request, target: str) -> None:
        """NetworkError for another protocol, and from TLS to what is not."""
        old, new = parts_of(request.url).scheme, parts_of(target).scheme
        if new not in ("http", "https") or steps_down(request.url, target):
            raise NetworkError(
                f"{shown(self.url)}: is redirected from {old} to {shown(target)}, which is not"
                " followed"
            )

    def endless(self, target: str) -> NetworkError:
        """That redirects do not end."""
        return NetworkError(
            f"{shown(self.url)}: is redirected without end (last to {shown(target)})"
        )


def _must_have(response: BaseHTTPResponse, request: Request) -> None:
    """Broken, AbsentError or NetworkError if the response does not hold the file, or a rest."""
    status, where = response.status, shown(request.url)
    if status in (404, 410):
        raise AbsentError(f"{where}: not found")
    if status in PASSING:
        raise passing(response, request.url)
    if status == 304 and {"if-none-match", "if-modified-since"} & request.headers.keys():
        raise _UnchangedError
    if status == 416 and "range" not in request.headers:
        raise NetworkError(f"{where}: the server answers 416 to a request for all of it")
    if status not in (200, 206, 416):
        raise NetworkError(f"{where}: the server answers {status} {response.reason or ''}")


def _condition(known: str) -> dict[str, str]:
    kind, _, value = known.partition(" ")
    name = {"etag": "if-none-match", "time": "if-modified-since"}.get(kind)
    return {name: value} if name and value else {}


def _validator(response: BaseHTTPResponse) -> str:
    """What tells this file from a later one: its ETag, else a time that is not too young."""
    etag, modified = response.headers.get("etag"), response.headers.get("last-modified")
    if etag and len(etag) < 200:
        return f"etag {etag}"
    try:
        age = parsedate_to_datetime(response.headers["date"]) - parsedate_to_datetime(
            modified or ""
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return ""
    return f"time {modified}" if age >= _SETTLED else ""


def _copy(url: str, sink: Sink, limit: int) -> int:
    path, written = local_path(url), 0
    try:
        if path is None or not path.is_file():
            raise AbsentError(f"{path}: not found")
        file = path.open("rb")
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    with file:
        while True:
            try:
                data = file.read(CHUNK)
            except OSError as error:
                raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
            if not data:
                return written
            if written + len(data) > limit:
                raise UntrustedError(
                    f"{shown(url)}: is larger than the {limit} bytes it should have"
                )
            sink(data)
            written += len(data)
