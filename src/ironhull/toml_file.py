"""A file of settings or rules in TOML: read within bounds, or an error that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ironhull.errors import InputError

MAX_FILE = 1 << 20
"""Bytes; whoever wrote a larger one by hand meant another file."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; InputError if it cannot be read, is too large, or is no TOML."""
    # A light verb has no file of settings: it does without the parser.
    import tomllib

    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise InputError(f"{path}: larger than {MAX_FILE} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
