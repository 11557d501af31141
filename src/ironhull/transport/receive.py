"""A large body into a sink, each byte once and in order, going on where it broke off.

1. Ask for all of it, or after a break for the rest (RFC 9110, 14.2); with the ETag of what we
   have, so that a file that changed meanwhile comes as a whole again.
2. 206 must begin where we stopped. 200 begins at the start: what we have is passed over. 416 means
   that there is no rest: the end of a body whose size nobody told, else a reason to ask for all.
3. Never take more than was promised; what is announced is compared before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from urllib3.response import BaseHTTPResponse

from ironhull.errors import UntrustedError
from ironhull.reports.text import one_line
from ironhull.transport.exchange import CHUNK, Exchange
from ironhull.transport.patience import Broken, Tries

_RANGE = re.compile(r"bytes ([0-9]{1,18})-(?:[0-9]{1,18})?/(?:[0-9]{1,18}|\*)")

Opened = Callable[[Mapping[str, str]], AbstractContextManager[BaseHTTPResponse]]
"""One attempt: sends these headers; the response has status 200, 206, or 416 to a `range`."""


class Reception:
    """One body on its way into `sink`: at most `limit` bytes, or `exact`ly as many.

    `written` tells how many came. Errors begin with `where`, if it is not empty.
    """

    def __init__(
        self,
        exchange: Exchange,
        where: str,
        sink: Callable[[bytes], object],
        limit: int,
        *,
        exact: bool = False,
    ) -> None:
        self.written = 0
        self._exchange = exchange
        self._where = where
        self._sink = sink
        self._limit = limit
        self._exact = exact
        self._etag: str | None = None
        self._ranges = True

    def run(self, attempt: Opened, tries: Tries) -> None:
        """Take it all; GaveUp when the tries are over, with `written` bytes in the sink."""
        while True:
            try:
                if self._once(attempt, tries):
                    return
            except Broken as error:
                if self._exact and self.written == self._limit:
                    return  # the connection broke, but after the last byte
                tries.again(error)

    def _once(self, attempt: Opened, tries: Tries) -> bool:
        """Whether it came to its end; False: the server knows no ranges, ask for all."""
        headers = self._rest() if self.written and self._ranges else {}
        with attempt(headers) as response:
            if response.status == 416:
                self._ranges = not self._exact
                return not self._exact
            start = self._start(response, bool(headers))
            self._must_fit(response, start)
            etag = response.headers.get("etag", "")
            self._etag = etag if etag.startswith('"') else None
            self._take(response, self.written - start, tries)
        return True

    def _rest(self) -> dict[str, str]:
        # With its end where we know it: there are servers that do not know a range without one.
        end = str(self._limit - 1) if self._exact else ""
        headers = {"range": f"bytes={self.written}-{end}"}
        return {**headers, "if-range": self._etag} if self._etag else headers

    def _start(self, response: BaseHTTPResponse, asked: bool) -> int:
        """The place in the whole at which this response begins."""
        if response.status != 206:
            return 0
        said = response.headers.get("content-range", "").strip()
        found = _RANGE.fullmatch(said)
        if not asked or found is None or int(found[1]) != self.written:
            got = one_line(said, 60)
            raise self._untrusted(f"asked for bytes from {self.written}, got {got!r}")
        return self.written

    def _must_fit(self, response: BaseHTTPResponse, start: int) -> None:
        announced = response.headers.get("content-length", "")
        if not (announced.isascii() and announced.isdigit() and len(announced) < 19):
            return
        whole = start + int(announced)
        if whole > self._limit or (self._exact and whole != self._limit):
            raise self._untrusted(
                f"the server announces {whole} bytes, and it should have {self._limit}"
            )

    def _take(self, response: BaseHTTPResponse, skip: int, tries: Tries) -> None:
        while data := self._exchange.read(response, CHUNK):
            if tries.too_late():
                raise Broken(self._where, "comes in too slowly")
            if skip:
                skip, data = max(skip - len(data), 0), data[skip:]
            if not data:
                continue
            if self.written + len(data) > self._limit:
                raise self._untrusted(f"is larger than the {self._limit} bytes it should have")
            self._sink(data)
            self.written += len(data)
            tries.gained()

    def _untrusted(self, text: str) -> UntrustedError:
        return UntrustedError(f"{self._where}: {text}" if self._where else text)
