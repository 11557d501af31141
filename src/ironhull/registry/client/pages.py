"""Lists that come in pages (RFC 8288 Link headers, as the distribution spec uses them)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ironhull.errors import NetworkError
from ironhull.registry.client.auth import Scope
from ironhull.registry.client.session import Session
from ironhull.transport.message import Answer, Request

_MAX_PAGES = 1000
_MAX_PAGE = 8 << 20
_MAX_TOTAL = 64 << 20
_LINK = re.compile(r'\s*<([^<>]{1,4096})>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)')
_NEXT = re.compile(
    r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next)\s*(?:;|$)', re.IGNORECASE
)


def pages(
    session: Session, scope: Scope, path: str, *, what: str, accept: str
) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Each page of a list as parsed JSON, with its answer.

    NetworkError if the list leaves the registry or its repository, goes in circles or has no end.
    """
    url, seen, total = session.url(path), set[str](), 0
    folder = urlsplit(url).path.rpartition("/")[0] + "/"
    for _ in range(_MAX_PAGES):
        seen.add(url)
        request = Request("GET", url, {"accept": accept})
        answer = session.call(request, scope, 200, what=what, limit=_MAX_PAGE)
        total += len(answer.body)
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or total > _MAX_TOTAL:
            raise NetworkError(f"{session.where(scope)}: {what}: the answer is no JSON object")
        yield answer, value
        following = next_link(answer.headers.getlist("link"))
        if following is None:
            return
        url = session.url(following, url)
        if not session.is_own(url) or not urlsplit(url).path.startswith(folder):
            raise NetworkError(f"{session.where(scope)}: {what}: the next page is elsewhere: {url}")
        if url in seen:
            raise NetworkError(f"{session.where(scope)}: {what}: the pages go in circles")
    raise NetworkError(f"{session.where(scope)}: {what}: more than {_MAX_PAGES} pages")


def next_link(headers: list[str]) -> str | None:
    """The target of the link whose relation is `next`."""
    for header in headers:
        for target, parameters in _LINK.findall(header[:16384]):
            if _NEXT.search(parameters):
                return str(target)
    return None
