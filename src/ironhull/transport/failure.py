"""Why an exchange came to nothing, in words for people, and which failures may pass."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import urllib3
from urllib3.response import BaseHTTPResponse

from ironhull.transport.address import host_of
from ironhull.transport.patience import Broken

# Answers that mean "later" (RFC 9110, 15.5 and 15.6; RFC 6585 and 8470 for 429 and 425).
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def reason(error: BaseException) -> str:
    """Why a request got no answer, in words for people: without object names and error numbers."""
    match error:
        case urllib3.exceptions.MaxRetryError(reason=BaseException() as inner):
            return reason(inner)
        case urllib3.exceptions.ProxyError(original_error=inner):
            return f"the proxy fails: {reason(inner)}"
        case urllib3.exceptions.ProtocolError(args=[_, http.client.IncompleteRead()]):
            return "the transfer broke off"
        case urllib3.exceptions.ProtocolError(args=[_, BaseException() as cause]):
            return f"the connection broke: {reason(cause)}"
    said = re.sub(r"\[Errno -?[0-9]+\] ", "", " ".join(str(error).split()))
    match error:
        case urllib3.exceptions.NameResolutionError():
            return f"there is no such host, or no network ({said.rpartition('(')[2].rstrip(')')})"
        case urllib3.exceptions.NewConnectionError():
            said = said.rpartition("Failed to establish a new connection: ")[2]
            return f"no server answers there ({said})"
        case urllib3.exceptions.TimeoutError():
            return "the server does not answer in time"
    return said[:300] or type(error).__name__


def passing(response: BaseHTTPResponse, url: str) -> Broken:
    """The failure of an attempt that was answered with one of PASSING."""
    return Broken(
        host_of(url),
        f"the server answers {response.status}",
        wait=retry_after(response.headers.get("retry-after")),
    )


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds that a Retry-After header names, as a number or a date (RFC 9110, 10.2.3).

    None if it names none.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
