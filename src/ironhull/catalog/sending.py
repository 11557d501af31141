"""Finished answers: kept for a while, with an ETag, compressed as the client takes it."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

import zstandard
from starlette.responses import Response

KEPT_SECONDS = 60.0
KEPT_BYTES = 12 << 20
_ENTRY = 1000
"""Bytes that an answer takes besides its content and the address that it was asked by."""
_WORTH = 500
HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(slots=True)
class Made:
    """An answer; its compressed forms are made when somebody takes them."""

    body: bytes
    media_type: str = HTML
    status: int = 200
    at: float = field(default_factory=time.monotonic)
    forms: dict[str, bytes] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """Of the content: the same page after a restart has the same."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    def form(self, coding: str) -> bytes:
        """The body as `gzip`, `zstd` or as it is (empty)."""
        if not coding:
            return self.body
        if coding not in self.forms:
            made = (
                zstandard.ZstdCompressor(3).compress(self.body)
                if coding == "zstd"
                else gzip.compress(self.body, 5, mtime=0)
            )
            self.forms[coding] = made
        return self.forms[coding]

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + sum(map(len, self.forms.values()))


class Kept:
    """The latest answers, bounded in bytes and age."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, Made] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Made | None:
        """An answer that is fresh."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or self._clock() - found.at > KEPT_SECONDS:
                return None
            self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, made: Made) -> None:
        """Keep an answer; the least used go. Its compressed forms are reckoned with beforehand."""
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += _taken(key, made) - (_taken(key, before) if before else 0)
            self._kept[key] = made
            while self._bytes > KEPT_BYTES and self._kept:
                known, gone = self._kept.popitem(last=False)
                self._bytes -= _taken(known, gone)


def _taken(key: Hashable, made: Made) -> int:
    """Bytes of an answer with its key: an address may be longer than what there is at it."""
    return len(made.body) + len(repr(key)) + _ENTRY


def coding_for(accepted: str) -> str:
    """zstd, gzip or nothing, by Accept-Encoding; what is refused with q=0 is not taken."""
    wanted = {}
    for part in accepted.lower().split(",")[:20]:
        name, _, quality = part.strip().partition(";")
        wanted[name.strip()] = quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((each for each in ("zstd", "gzip") if wanted.get(each)), "")


def send(made: Made, headers: Mapping[str, str], *, private: bool) -> Response:
    """The answer to a request with these headers; 304 where the client has it."""
    coding = coding_for(headers.get("accept-encoding", "")) if len(made.body) > _WORTH else ""
    etag = f'"{made.etag}{"-" + coding if coding else ""}"'
    given = {
        **SAFE,
        "etag": etag,
        "cache-control": "private, no-cache" if private else "no-cache",
        "vary": "accept-encoding, authorization",
    }
    asked = headers.get("if-none-match", "")
    known = [each.strip().removeprefix("W/") for each in asked.split(",")] if asked else []
    if made.status == 200 and (etag in known or known == ["*"]):
        return Response(status_code=304, headers=given)
    if coding:
        given["content-encoding"] = coding
    return Response(made.form(coding), made.status, given, made.media_type)
