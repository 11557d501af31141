"""Reading what packages say about themselves: JSON and headers by anyone, so by nobody's rules."""

from __future__ import annotations

import json
from typing import Any

from ironhull.inventory.cataloguers.interface import Findings

MAX_TEXT = 512
MAX_JSON = 8 << 20
"""Bytes of a JSON file that is read: as objects it may take thirty times as much memory."""


def json_object(path: str, data: bytes, findings: Findings) -> dict[str, Any] | None:
    """The file as a JSON object; anything else is a remark and None."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        findings.unparsed(path, f"not JSON: {str(error)[:120]}")
        return None
    if not isinstance(value, dict):
        findings.unparsed(path, f"expected a JSON object, got {type(value).__name__}")
        return None
    return value


def text_of(value: object) -> str:
    """A name, version or licence: one printable line of a sensible length, else nothing."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= MAX_TEXT and text.isprintable() else ""


def headers(text: str) -> dict[str, list[str]]:
    """`Key: value` lines up to the first blank one (RFC 822), keys in lower case."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        if not line.strip():
            break
        if line[0] in " \t":
            if key:
                found[key][-1] += f"\n{line.strip()}"
            continue
        key, colon, value = line.partition(":")
        key = key.strip().lower() if colon else ""
        if key:
            found.setdefault(key, []).append(value.strip())
    return found
