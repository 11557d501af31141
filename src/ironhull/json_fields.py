"""Reading hostile JSON: an object and its fields of the right type, or an error with the place."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any

from ironhull.errors import MalformedError


def decode(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object; MalformedError for anything else."""
    # Takes as long to load as all of a light verb: whoever only knows the fields does without.
    import msgspec

    try:
        value = msgspec.json.decode(data.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"{name}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedError(f"{name}: expected a JSON object, got {type(value).__name__}")
    return value


def text(value: dict[str, Any], key: str, where: str, default: str = "") -> str:
    """A text field."""
    found = value.get(key, default)
    if found is None:
        return default
    if not isinstance(found, str):
        raise MalformedError(f"{where}: {key} is not a text but {type(found).__name__}")
    return found


def objects(value: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """A list of objects; absent: empty."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise MalformedError(f"{where}: {key} is not a list of objects")
    return found


def an_object(value: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    """An object; absent: empty."""
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise MalformedError(f"{where}: {key} is not an object but {type(found).__name__}")
    return found


def texts(value: dict[str, Any], key: str, where: str) -> list[str]:
    """A list of texts; absent: empty."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise MalformedError(f"{where}: {key} is not a list of texts")
    return found
