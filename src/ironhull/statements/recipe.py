"""Reads provenance back: the definition and the lock that an image can be built from again."""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from typing import Any

from ironhull.build.recipe import Recipe
from ironhull.errors import MalformedError, UntrustedError
from ironhull.json_fields import an_object, decode, objects, text
from ironhull.oci.digest import digest_of
from ironhull.statements.provenance import BUILD_TYPE

MAX_FILES = 200
_SOURCE = "ironhull:source/"


def recipe_in(predicate: bytes, name: str) -> tuple[Recipe, dict[str, Any]]:
    """The recipe that a provenance carries, and its internal parameters.

    MalformedError for another builder's provenance and for one that carries no definition;
    UntrustedError where a file's bytes are not those of its digest.
    """
    value = an_object(decode(predicate, name), "buildDefinition", name)
    if text(value, "buildType", name) != BUILD_TYPE:
        raise MalformedError(
            f"{name}: built as {text(value, 'buildType', name)!r:.100}, which is not Ironhull's way"
        )
    files = {
        text(each, "uri", name).removeprefix(_SOURCE): _content(each, name)
        for each in objects(value, "resolvedDependencies", name)
        if text(each, "uri", name).startswith(_SOURCE)
    }
    if len(files) > MAX_FILES:
        raise MalformedError(f"{name}: a definition of {len(files)} files")
    for path in files:
        _inside(path, name)
    given = an_object(value, "externalParameters", name)
    path = _named(given, "definition", files, name)
    lock = files.pop(_named(given, "lock", files, name))
    recipe = Recipe(
        path,
        {path: files.pop(path), **files},
        lock,
        text(given, "compression", name),
    )
    return recipe, an_object(value, "internalParameters", name)


def _content(entry: dict[str, Any], name: str) -> bytes:
    path = text(entry, "uri", name)
    try:
        data = base64.b64decode(text(entry, "content", name), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{name}: the content of {path} is not Base64") from None
    if not data:
        raise MalformedError(
            f"{name}: the content of {path} is not in the provenance; build from the definition"
        )
    said = an_object(entry, "digest", name).get("sha256")
    if digest_of(data) != f"sha256:{said}":
        raise UntrustedError(f"{name}: the content of {path} has another digest than it says")
    return data


def _inside(path: str, name: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or len(path) > 1000:
        raise MalformedError(f"{name}: {path!r:.100} is no path of a definition")


def _named(given: dict[str, Any], key: str, files: dict[str, bytes], name: str) -> str:
    """The path of definition or lock, whose bytes have the digest that the parameter says."""
    entry = an_object(given, key, name)
    path = text(entry, "path", name)
    if path not in files:
        raise MalformedError(f"{name}: it does not carry its {key} ({path!r:.100})")
    if digest_of(files[path]) != f"sha256:{an_object(entry, 'digest', name).get('sha256')}":
        raise UntrustedError(f"{name}: the {key} that it carries is not the one that it names")
    return path
