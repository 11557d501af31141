"""The OpenAPI 3.1 document of the catalog's API, made of the values that it answers with."""

from __future__ import annotations

from typing import Any

import msgspec

from ironhull import __version__
from ironhull.catalog.api import ANSWERS
from ironhull.catalog.links import PLATFORM_WORDS

PREFIX = "/api/v1"
MAX_QUERY = 200
MAX_PAGE = 100_000
NAME_PATTERN = "^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$"
TAG_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}$"

PLATFORM_PATTERN = f"^(?:{PLATFORM_WORDS}|sha(?:256|512):[0-9a-f]{{64,128}})$"

_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Repository; its slashes are written as they are or as %2F.",
    "schema": {"type": "string", "maxLength": 255, "pattern": NAME_PATTERN},
}
_TAG = {
    "name": "tag",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": TAG_PATTERN},
}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "CVE-…, GHSA-…, DSA-…",
    "schema": {"type": "string", "pattern": ID_PATTERN},
}
_QUERY = {
    "name": "q",
    "in": "query",
    "description": "Words that all have to be there.",
    "schema": {"type": "string", "maxLength": MAX_QUERY},
}
_PAGE = {
    "name": "page",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
}
_SINCE = {
    "name": "since",
    "in": "query",
    "description": "Another tag of the repository, or a digest; else what the tag was before.",
    "schema": {"type": "string", "maxLength": MAX_QUERY},
}
_UNTIL = {
    "name": "until",
    "in": "query",
    "description": "As `since`: what it is held against; else the image that the tag stands for.",
    "schema": {"type": "string", "maxLength": MAX_QUERY},
}
_PLATFORM = {
    "name": "platform",
    "in": "query",
    "description": "As linux/arm64, or the digest of that platform's image; else the first one.",
    "schema": {"type": "string", "pattern": PLATFORM_PATTERN},
}
# Path → (what it gives, answer, parameters).
_PATHS: dict[str, tuple[str, str, tuple[dict[str, Any], ...]]] = {
    "/images": ("Repositories, all or searched", "ImageList", (_QUERY, _PAGE)),
    "/images/{name}": ("A repository with its tags", "Repository", (_NAME,)),
    "/images/{name}/-/{tag}": ("An image", "Image", (_NAME, _TAG, _PLATFORM)),
    "/images/{name}/-/{tag}/packages": (
        "Packages with licences and reasons",
        "Packages",
        (_NAME, _TAG, _PLATFORM, _QUERY, _PAGE),
    ),
    "/images/{name}/-/{tag}/vulnerabilities": (
        "Findings raw and after VEX",
        "Findings",
        (_NAME, _TAG, _PLATFORM, _QUERY, _PAGE),
    ),
    "/images/{name}/-/{tag}/layers": ("Layers", "Layers", (_NAME, _TAG, _PLATFORM)),
    "/images/{name}/-/{tag}/provenance": (
        "How it was made",
        "Provenance",
        (_NAME, _TAG, _PLATFORM),
    ),
    "/images/{name}/-/{tag}/attestations": ("What is attached", "Attestations", (_NAME, _TAG)),
    "/images/{name}/-/{tag}/changes": (
        "What changed",
        "Changes",
        (_NAME, _TAG, _PLATFORM, _SINCE, _UNTIL),
    ),
    "/images/{name}/-/{tag}/history": (
        "What a tag stood for, also one that is gone",
        "History",
        (_NAME, _TAG, _PAGE),
    ),
    "/mirrors": ("Repositories that mirror others", "Mirrors", (_QUERY, _PAGE)),
    "/vulnerabilities": ("What scans found", "Vulnerabilities", (_QUERY, _PAGE)),
    "/vulnerabilities/{id}": ("What one means for all images", "Answer", (_ID, _PAGE)),
    "/status": ("What the watcher says", "WatchFacts", ()),
}
_REFUSED = {
    "400": "A parameter is not what it has to be",
    "404": "It is not there, or may not be seen",
    "429": "Too many requests; Retry-After says when to come back",
}


def openapi() -> dict[str, Any]:
    """The document as a value for JSON."""
    _, components = msgspec.json.schema_components(
        ANSWERS, ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ironhull's catalog",
            "version": __version__,
            "description": "All that pages show. Private images are answered like missing ones.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{}, {"basic": []}],
        "paths": {path: {"get": _operation(path, *given)} for path, given in _PATHS.items()},
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": components,
        },
    }


def _operation(
    path: str, text: str, answer: str, parameters: tuple[dict[str, Any], ...]
) -> dict[str, Any]:
    words = [part for part in path.split("/") if part.isalpha()]
    responses = {"200": _response(text, f"#/components/schemas/{answer}", "application/json")}
    responses |= {
        status: _response(said, "#/components/schemas/Problem", "application/problem+json")
        for status, said in _REFUSED.items()
    }
    responses["401"] = {
        "description": "A password is needed, or was wrong",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {
        "operationId": "_".join(["get", *words, *(["one"] if path.endswith("}") else [])]),
        "summary": text,
        "parameters": list(parameters),
        "responses": responses,
    }


def _response(text: str, reference: str, media_type: str) -> dict[str, Any]:
    return {"description": text, "content": {media_type: {"schema": {"$ref": reference}}}}
