"""Which of the API's patterns a path is of, by its last parts.

The router tries one regular expression after another and wraps the endpoint twice: a fifth of the
event loop's time. What is not found here (other paths, methods that are not allowed) is its to say.
"""

from __future__ import annotations

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
