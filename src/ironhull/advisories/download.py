"""Fetches the documents of a feed from its address into a folder of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO

from urllib3.response import BaseHTTPResponse

from ironhull.errors import InputError, NetworkError
from ironhull.progress import Progress
from ironhull.transport.address import parts_of, shown
from ironhull.transport.exchange import Exchange, discard
from ironhull.transport.failure import PASSING, passing
from ironhull.transport.message import Request
from ironhull.transport.network import DIRECT, Network
from ironhull.transport.patience import Broken, GaveUp, Patience
from ironhull.transport.receive import Reception
from ironhull.transport.redirects import follow, steps_down

MAX_SIZE = 4 << 30
PATIENCE = Patience(attempts=4, first_wait=0.4)


def download(address: str, folder: Path, progress: Progress, *, network: Network = DIRECT) -> Path:
    """The file at `address`, under its own name in `folder`; its time is the server's.

    Raises NetworkError for anything but the whole file. A redirect never leads from TLS to plain
    HTTP.
    """
    parts = parts_of(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"not an address of a feed: {address} (expected http:// or https://)")
    target = folder / (_safe(parts.path.rpartition("/")[2]) or "feed")
    exchange = Exchange(network, PATIENCE, progress=progress)
    try:
        with target.open("wb") as file:
            headers = _FeedDownload(exchange, address, file, target.name).run()
    finally:
        exchange.close()
    if headers.get("content-encoding", "identity") == "gzip" and target.suffix != ".gz":
        target = target.rename(target.with_name(f"{target.name}.gz"))
    _set_time(target, headers.get("last-modified", ""))
    return target


class _FeedDownload:
    """One file of a feed on its way into `file`; its progress begins with the first response."""

    def __init__(self, exchange: Exchange, address: str, file: IO[bytes], name: str) -> None:
        self._exchange = exchange
        self._address = address
        self._file = file
        self._name = name
        self._headers: Mapping[str, str] | None = None
        self._advance: Callable[[int], None] = lambda amount: None

    def run(self) -> Mapping[str, str]:
        """Take all of it; the headers of the first response."""
        request = Request("GET", self._address)
        reception = Reception(self._exchange, shown(self._address), self._take, MAX_SIZE)
        try:
            reception.run(
                lambda more: self._opened(request.adding(more)), self._exchange.tries(request)
            )
        except GaveUp as error:
            raise NetworkError(error.in_words(reception.written)) from None
        return self._headers or {}

    def _take(self, data: bytes) -> None:
        self._file.write(data)
        self._advance(len(data))

    @contextmanager
    def _opened(self, request: Request) -> Iterator[BaseHTTPResponse]:
        try:
            response, url = follow(self._exchange.once, request, FeedRedirects(self._address))
            try:
                if response.status in PASSING:
                    raise passing(response, url)
                if response.status not in (200, 206):
                    raise NetworkError(
                        f"{shown(url)} answered {response.status}; expected the feed"
                    )
                if self._headers is None:
                    self._begin(response)
                yield response
            finally:
                discard(response)
        except Broken as error:
            raise error.at(shown(request.url)) from None

    def _begin(self, response: BaseHTTPResponse) -> None:
        self._headers = response.headers
        length = response.headers.get("content-length", "")
        total = int(length) if length.isascii() and length.isdigit() else None
        self._advance = self._exchange.progress.start(f"Downloading {self._name}", total, "bytes")


@dataclass(frozen=True, slots=True)
class FeedRedirects:
    """Feeds move, over http or https; `address` is what was asked for at first."""

    address: str
    most: int = 5

    def check(self, request: Request, target: str) -> None:
        """NetworkError for another protocol, and from TLS to what is not."""
        if steps_down(request.url, target):
            raise NetworkError(f"{shown(request.url)} leads from TLS to {shown(target)}")
        if parts_of(target).scheme not in ("http", "https"):
            raise NetworkError(f"{shown(request.url)} leads to {shown(target)}, which is no HTTP")

    def endless(self, target: str) -> NetworkError:
        """That redirects do not end."""
        return NetworkError(f"{shown(self.address)}: more than {self.most} redirects")


def _safe(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum() or letter in ".-_").lstrip(".")


def _set_time(target: Path, header: str) -> None:
    try:
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    os.utime(target, (moment, moment))
