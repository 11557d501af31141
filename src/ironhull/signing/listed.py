"""What keys.json lists of a home's keys, read without the keys themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from ironhull.errors import EnvironmentProblem, MalformedError

KeyState = Literal["active", "retired", "revoked"]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_STATES: tuple[KeyState, ...] = ("active", "retired", "revoked")
_MAX = 1 << 20


def listed_keys(folder: Path) -> dict[str, dict[str, Any]]:
    """Each key's entry by name; empty where no key was ever made. MalformedError if damaged."""
    path = folder / "keys.json"
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    try:
        value: Any = json.loads(raw) if len(raw) <= _MAX else None
        keys: dict[str, dict[str, Any]] = value["keys"]
        if all(
            NAME.fullmatch(name) and each["state"] in _STATES and isinstance(each["pem"], str)
            for name, each in keys.items()
        ):
            return keys
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise MalformedError(f"{path} is damaged; restore it, for it says which keys are revoked")


def has_signing_key(folder: Path) -> bool:
    """Whether a key of the folder is active and can sign from here; errors of `listed_keys`."""
    return any(
        each["state"] == "active" and (bool(each.get("private")) or bool(each.get("uri")))
        for each in listed_keys(folder).values()
    )
