"""Gets the bytes at an address, with patience that has limits: http, https and file.

Says nothing about whether they are the right bytes: see `archive.fetch`. One attempt at a time:

1. follow redirects, a few, never in a circle, never from https to anything else;
2. on a short read, a time-out or an answer that asks to come back (429, 5xx), wait and try again
   from the byte where it stopped;
3. give up after so many attempts that brought nothing, or when the whole takes too long.
"""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import urllib3

from ironhull.archive.mirror import local_path, shown, without_user
from ironhull.errors import EnvironmentProblem, NetworkError, NotFoundError, UntrustedError
from ironhull.transport import USER_AGENT, pool_for

CHUNK = 1 << 18
_RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_RANGE = re.compile(r"bytes (\d{1,18})-\d*/")

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to hope. Times in seconds, rates in bytes a second."""

    attempts: int = 4
    """In a row that bring no byte."""
    all_attempts: int = 16
    redirects: int = 6
    connect: float = 15
    idle: float = 45
    """Without a byte."""
    total: float = 90
    """For the whole, and beside it the time that `rate` gives for the size."""
    rate: float = 16_000
    backoff: float = 0.4
    """Before the second attempt; doubles."""
    retry_after: float = 60
    """The longest that a server may ask to wait."""


class AbsentError(NotFoundError):
    """The server answers and does not have the file."""


class _AgainError(Exception):
    """Another attempt may do what one could not. `wait`: the pause that the server asked for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(reason)


@dataclass(slots=True)
class _Download:
    """What is known of one file while it comes in."""

    url: str
    sink: Sink
    limit: int
    deadline: float
    headers: Mapping[str, str]
    written: int = 0
    etag: str | None = None

    def take(self, data: bytes) -> None:
        if self.written + len(data) > self.limit:
            raise UntrustedError(
                f"{shown(self.url)}: is larger than the {self.limit} bytes it should have"
            )
        self.sink(data)
        self.written += len(data)


class Transfer:
    """Downloads; one object for all threads, it keeps connections open."""

    def __init__(
        self,
        limits: Limits = Limits(),
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.limits = limits
        self._sleep = sleep
        self._now = now
        self._note = note
        self._pools: dict[tuple[str, str], urllib3.PoolManager] = {}
        self._noted: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    def get(self, url: str, sink: Sink, *, limit: int, fresh: bool = False) -> int:
        """Hand the bytes at `url` to `sink`, in order, each once; returns how many.

        `fresh` asks caches on the way not to answer. AbsentError if the file is not there,
        UntrustedError if it has more than `limit` bytes, NetworkError for all else.
        """
        headers = {"cache-control": "no-cache", "pragma": "no-cache"} if fresh else {}
        patience = self.limits.total + limit / self.limits.rate
        download = _Download(url, sink, limit, self._now() + patience, headers)
        if local_path(url) is not None:
            _copy(download)
        else:
            self._persist(download)
        return download.written

    def _persist(self, download: _Download) -> None:
        barren = 0
        for attempt in range(1, self.limits.all_attempts + 1):
            before = download.written
            try:
                self._attempt(download)
                return
            except _AgainError as error:
                barren = barren + 1 if download.written == before else 1
                pause = self._pause(barren, error.wait)
                over = self._now() + pause > download.deadline
                if barren >= self.limits.attempts or attempt == self.limits.all_attempts or over:
                    tried = f"after {attempt} attempts" if attempt > 1 else "at once"
                    why = "and took too long " if over else ""
                    raise NetworkError(
                        f"{shown(download.url)}: {error} (gave up {why}{tried},"
                        f" with {download.written} bytes)"
                    ) from None
                self._note_once(download.url, str(error))
                self._sleep(pause)

    def _note_once(self, url: str, reason: str) -> None:
        """One trouble of a server concerns many files: say it with the first."""
        trouble = (urlsplit(url).netloc, reason)
        with self._guard:
            known = trouble in self._noted
            self._noted.add(trouble)
        if not known:
            self._note(f"{shown(url)}: {reason}; trying again")

    def _pause(self, barren: int, asked: float | None) -> float:
        if asked is not None:
            return asked
        doubled = self.limits.backoff * float(1 << (barren - 1))
        return doubled * random.uniform(0.8, 1.2)  # noqa: S311

    def _attempt(self, download: _Download) -> None:
        try:
            response = self._follow(download)
            try:
                self._check(response, download)
                self._read(response, download)
            finally:
                # A connection with unread bytes cannot be used again; at its end this is nothing.
                response.close()
                response.release_conn()
        except urllib3.exceptions.SSLError as error:
            raise NetworkError(f"{shown(download.url)}: TLS: {error}") from None
        except urllib3.exceptions.HTTPError as error:
            raise _AgainError(_reason(error)) from None

    def _follow(self, download: _Download) -> urllib3.BaseHTTPResponse:
        """The first answer that is no redirect."""
        url, visited = download.url, {download.url}
        while True:
            response = self._request(url, download)
            if response.status not in _REDIRECTS:
                return response
            response.close()  # not read: its body could be endless
            where = f"{shown(download.url)}: is redirected"
            try:
                target = urljoin(url, response.headers.get("location", ""))
                old, new = urlsplit(url).scheme, urlsplit(target).scheme
            except ValueError:
                raise NetworkError(f"{where} to what is no address") from None
            if target in visited or len(visited) > self.limits.redirects:
                raise NetworkError(f"{where} without end (last to {shown(target)})")
            if new != "https" and (new, old) != ("http", "http"):
                raise NetworkError(f"{where} from {old} to {shown(target)}, which is not followed")
            visited.add(target)
            url = target

    def _request(self, url: str, download: _Download) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(url)
        headers = {"accept-encoding": "identity", "user-agent": USER_AGENT, **download.headers}
        if download.written:
            headers["range"] = f"bytes={download.written}-"
            if download.etag:
                headers["if-range"] = download.etag
        if parts.username is not None:
            headers |= urllib3.util.make_headers(
                basic_auth=f"{parts.username}:{parts.password or ''}"
            )
            url = without_user(url)
        return self._pool(parts.scheme, parts.netloc, url).request(
            "GET",
            url,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=self.limits.connect, read=self.limits.idle),
        )

    def _pool(self, scheme: str, host: str, url: str) -> urllib3.PoolManager:
        with self._guard:
            if (scheme, host) not in self._pools:
                self._pools[scheme, host] = pool_for(url)
            return self._pools[scheme, host]

    def _check(self, response: urllib3.BaseHTTPResponse, download: _Download) -> None:
        status = response.status
        where = shown(download.url)
        if status in (404, 410):
            raise AbsentError(f"{where}: not found")
        if status in _RETRY_STATUS:
            raise _AgainError(f"the server answers {status}", self._asked(response, where))
        if status not in (200, 206, 416):
            raise NetworkError(f"{where}: the server answers {status} {response.reason or ''}")
        if status == 206:
            found = _RANGE.match(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != download.written:
                raise NetworkError(f"{where}: the server sends another part than was asked for")
        if status == 416 and not download.written:
            raise NetworkError(f"{where}: the server answers 416 to a request for all of it")

    def _asked(self, response: urllib3.BaseHTTPResponse, where: str) -> float | None:
        """Seconds that `Retry-After` names (RFC 9110, 10.2.3)."""
        text = response.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            if text.isascii() and text.isdigit():
                seconds = float(text[:10])
            else:
                seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
        if seconds > self.limits.retry_after:
            raise NetworkError(
                f"{where}: the server answers {response.status} and asks to come back in"
                f" {seconds:.0f} s"
            )
        return max(seconds, 0.0)

    def _read(self, response: urllib3.BaseHTTPResponse, download: _Download) -> None:
        if response.status == 416:
            return  # there is no more: the caller sees that it is too short
        # A server that cannot resume sends all from the beginning.
        skip = download.written if response.status == 200 else 0
        download.etag = _strong(response.headers.get("etag"))
        announced = response.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and len(announced) < 19:
            start = download.written if response.status == 206 else 0
            if start + int(announced) > download.limit:
                raise UntrustedError(
                    f"{shown(download.url)}: the server announces {start + int(announced)} bytes,"
                    f" and it should have {download.limit}"
                )
        while data := response.read1(CHUNK):
            if self._now() > download.deadline:
                raise _AgainError("comes in too slowly")
            if skip:
                skip, data = max(skip - len(data), 0), data[skip:]
            if data:
                download.take(data)


def _strong(etag: str | None) -> str | None:
    return etag if etag is not None and etag.startswith('"') else None


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "the host's name cannot be resolved"
        case urllib3.exceptions.NewConnectionError():
            return "cannot connect (" + str(error).rpartition("] ")[2].rstrip(")") + ")"
        case urllib3.exceptions.TimeoutError():
            return "the server does not answer in time"
        case urllib3.exceptions.ProxyError():
            return f"the proxy fails: {error.original_error}"
        case urllib3.exceptions.ProtocolError(args=[_, http.client.IncompleteRead()]):
            return "the transfer broke off"
        case urllib3.exceptions.ProtocolError(args=[_, cause]):
            return f"the connection broke: {cause}"[:200]
    return f"the connection broke: {error}"[:200]


def _copy(download: _Download) -> None:
    path = local_path(download.url)
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
                return
            download.take(data)
