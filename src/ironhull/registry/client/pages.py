"""Lists that come in pages (RFC 8288 Link headers, as the distribution spec uses them)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ironhull.errors import MalformedError, NetworkError
from ironhull.registry.client.auth import Scope
from ironhull.registry.client.session import Session
from ironhull.reports.text import one_line
from ironhull.transport.message import Answer, Request

_MAX_PAGES = 1000
_MAX_PAGE = 8 << 20
_MAX_TOTAL = 64 << 20
_MAX_HEADER = 16384
_PARAMETERS = r'((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)'
_LINK = re.compile(rf"<([^<>]{{1,4096}})>{_PARAMETERS}")
# One link alone, without its brackets: an address may hold what separates links.
_BARE = re.compile(rf"\A\s*([^\s<>;]{{1,4096}}){_PARAMETERS}\s*\Z")
_REL = re.compile(r";\s*rel\s*=", re.IGNORECASE)
_NEXT = re.compile(
    r""";\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|'?next'?)\s*(?:;|$)""", re.IGNORECASE
)


class NoListError(NetworkError):
    """The answer is something else than a list: a page for people, an empty body."""


def pages(
    session: Session, scope: Scope, path: str, *, what: str, accept: str
) -> Iterator[tuple[Answer, dict[str, Any]]]:
    """Each page of a list as parsed JSON, with its answer.

    NoListError for an answer that is none; NetworkError if the list leaves the registry or its
    repository, goes in circles or has no end, or if the way to the next page cannot be read.
    """
    url, seen, total, where = session.url(path), set[str](), 0, f"{session.where(scope)}: {what}"
    folder = urlsplit(url).path.rpartition("/")[0] + "/"
    for _ in range(_MAX_PAGES):
        seen.add(url)
        request = Request("GET", url, {"accept": accept})
        answer = session.call(request, scope, 200, what=what, limit=_MAX_PAGE)
        total += len(answer.body)
        if total > _MAX_TOTAL:
            raise NetworkError(f"{where}: more than {_MAX_TOTAL} bytes")
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise NoListError(f"{where}: the answer is no JSON object")
        yield answer, value
        try:
            following = next_link(answer.headers.getlist("link"))
        except MalformedError as error:
            raise NetworkError(f"{where}: {error}") from None
        if following is None:
            return
        url = session.url(following, url)
        if not session.is_own(url) or not urlsplit(url).path.startswith(folder):
            raise NetworkError(f"{where}: the next page is elsewhere: {url}")
        if url in seen:
            raise NetworkError(f"{where}: the pages go in circles")
    raise NetworkError(f"{where}: more than {_MAX_PAGES} pages")


def next_link(headers: list[str]) -> str | None:
    """The target of the link whose relation is `next`; None if there is none.

    Some registries leave out the brackets, or the relation, of the only link that they send: that
    is followed. MalformedError for what speaks of a next page and cannot be read: half a list must
    not pass for the whole.
    """
    for header in headers:
        if len(header) > _MAX_HEADER:
            raise MalformedError(f"a Link header of {len(header)} characters")
        links = _LINK.findall(header) or _BARE.findall(header)
        for target, parameters in links:
            if _NEXT.search(parameters) or (len(links) == 1 and not _REL.search(parameters)):
                return str(target)
        rest = _LINK.sub("", header) if links else header
        if rest.strip(" ,") and (not links or re.search(r"\bnext\b", rest, re.IGNORECASE)):
            raise MalformedError(f"cannot tell the next page from Link: {one_line(header, 200)}")
    return None
