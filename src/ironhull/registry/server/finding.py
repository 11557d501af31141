"""Which endpoint a request is for: by the last parts of its path, or by the first one.

The router tries one regular expression after another and wraps the endpoint twice: a fifth of the
event loop's time. What is not found here (other paths, methods that are not allowed) is its to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.routing import Match, Route
from starlette.types import Scope

BLOB = "/v2/{name:path}/blobs/{digest}"
UPLOADS = "/v2/{name:path}/blobs/uploads/"
UPLOAD = "/v2/{name:path}/blobs/uploads/{upload}"
MANIFEST = "/v2/{name:path}/manifests/{reference}"
TAGS = "/v2/{name:path}/tags/list"
REFERRERS = "/v2/{name:path}/referrers/{digest}"

_PARAMETERS = {"blobs": (BLOB, "digest"), "manifests": (MANIFEST, "reference")}
_PARAMETERS["referrers"] = (REFERRERS, "digest")


def pattern_of(path: str) -> tuple[str, dict[str, str]] | None:
    """The pattern and its parameters, as the router would have them; None: ask the router."""
    head, _, last = path.rpartition("/")
    name, _, kind = head.rpartition("/")
    pattern = None
    if kind == "uploads" and name.endswith("/blobs"):
        name = name.removesuffix("/blobs")
        pattern, parameters = (UPLOAD, {"upload": last}) if last else (UPLOADS, {})
    elif kind == "tags" and last == "list":
        pattern, parameters = TAGS, {}
    elif kind in _PARAMETERS and last not in ("", "uploads"):
        pattern, parameter = _PARAMETERS[kind]
        parameters = {parameter: last}
    if pattern is None or not name.startswith("/v2/") or "\n" in path:
        return None
    return pattern, {"name": name[4:], **parameters}


class Addresses:
    """Routes by the first part of their path: of forty a request is held to one or two."""

    def __init__(self, routes: Iterable[Route]) -> None:
        every = [(each.path.split("/")[1], each) for each in routes]
        firsts = {first for first, _ in every if "{" not in first}
        self._of = {
            first: [route for own, route in every if own == first or "{" in own] for first in firsts
        }
        self._others = [route for own, route in every if "{" in own]

    def find(self, scope: Scope) -> tuple[Any, dict[str, Any]]:
        """The endpoint and its parameters, as the router would have them; None: ask the router."""
        path = scope["path"]
        if path[:1] != "/" or "\n" in path:
            return None, {}
        for route in self._of.get(path.split("/", 2)[1], self._others):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return route.endpoint, found["path_params"]
        return None, {}
