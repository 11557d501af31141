"""What goes over and what comes back, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

import urllib3
from urllib3.response import BaseHTTPResponse

from ironhull.values import dataclass


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
        """The same with these headers too."""
        return replace(self, headers={**self.headers, **headers})

    def to(self, url: str) -> Request:
        """The same to another address."""
        return replace(self, url=url)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response whose body was small enough to hold."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes
    url: str


def bare(response: BaseHTTPResponse, url: str, body: bytes = b"") -> Answer:
    """A response as a value."""
    return Answer(response.status, urllib3.HTTPHeaderDict(response.headers), body, url)


def bytes_body(data: bytes) -> Body:
    """Bytes at hand as a body."""
    return Body(lambda: (data,) if data else (), len(data))
