"""The SPDX License List: which names of licences and exceptions it has.

`license_list.txt` holds the identifiers, the exceptions after an empty line; a test holds them to
the list that the CycloneDX schema carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("license_list.txt")


@cache
def licences() -> Mapping[str, str]:
    """Identifier in lower case → as the list writes it."""
    return _part(0)


@cache
def exceptions() -> Mapping[str, str]:
    """The same of the exceptions, which stand after WITH."""
    return _part(1)


def _part(number: int) -> Mapping[str, str]:
    part = _FILE.read_text("utf-8").split("\n\n")[number]
    return {name.lower(): name for name in part.split()}
