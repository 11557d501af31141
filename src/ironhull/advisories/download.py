"""Fetches the documents of a feed from its address into a folder of ours."""

from __future__ import annotations

import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import urllib3

from ironhull.errors import InputError, NetworkError
from ironhull.progress import Progress
from ironhull.transport import pool_for, reason

MAX_REDIRECTS = 5
MAX_SIZE = 4 << 30
_CHUNK = 1 << 20
_MOVED = frozenset({301, 302, 303, 307, 308})


def download(address: str, folder: Path, progress: Progress) -> Path:
    """The file at `address`, under its own name in `folder`; its time is the server's.

    Raises NetworkError for anything but the whole file. A redirect never leads from TLS to plain
    HTTP.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"not an address of a feed: {address} (expected http:// or https://)")
    target = folder / (_safe(parts.path.rpartition("/")[2]) or "feed")
    response = _response(address)
    try:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
        advance = progress.start(f"Downloading {target.name}", total, "bytes")
        size = 0
        with target.open("wb") as file:
            for chunk in response.stream(_CHUNK, decode_content=True):
                size += len(chunk)
                if size > MAX_SIZE:
                    raise NetworkError(f"{address}: more than {MAX_SIZE} bytes")
                file.write(chunk)
                advance(len(chunk))
        if total is not None and size < total and "content-encoding" not in response.headers:
            raise NetworkError(f"{address}: ended after {size} of {total} bytes; try again")
    except urllib3.exceptions.HTTPError as error:
        raise NetworkError(f"{address}: {reason(error)}") from None
    finally:
        response.release_conn()
    _set_time(target, response.headers.get("last-modified", ""))
    return target


def _response(address: str) -> urllib3.BaseHTTPResponse:
    seen = address
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = pool_for(seen).request("GET", seen, preload_content=False, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise NetworkError(f"cannot reach {seen}: {reason(error)}") from None
        if response.status == 200:
            return response
        response.release_conn()
        place = response.headers.get("location")
        if response.status not in _MOVED or not place:
            raise NetworkError(f"{seen} answered {response.status}; expected the feed")
        following = urljoin(seen, place)
        if seen.startswith("https:") and not following.startswith("https:"):
            raise NetworkError(f"{seen} leads from TLS to {following}")
        seen = following
    raise NetworkError(f"{address}: more than {MAX_REDIRECTS} redirects")


def _safe(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum() or letter in ".-_").lstrip(".")


def _set_time(target: Path, header: str) -> None:
    try:
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError):
        return
    os.utime(target, (moment, moment))
