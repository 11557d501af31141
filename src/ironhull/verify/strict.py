"""JSON and base64 that can be read in one way only.

Readers differ on what JSON with a key twice means, on the case of keys (Go's takes `Subject` for
`subject`), on signs that are no Unicode, and on base64 with bits that nobody needs. What is signed
would then say one thing to us and another to them, so none of it is accepted.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from ironhull.verify.refusal import Reason, RefusedError

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_Pairs = list[tuple[str, Any]]


def strict_object(data: bytes, what: str, *, folded: bool = False) -> dict[str, Any]:
    """A JSON object; RefusedError for anything that readers may take differently.

    `folded`: keys that differ in their case alone are the same key. For objects whose keys are
    fixed by a format; in a map of names, case may mean something.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(Reason.NOT_UNICODE, f"{what}: not UTF-8 at byte {error.start}") from None
    if "\\u" in text and any(found["lone"] for found in _ESCAPE.finditer(text)):
        raise RefusedError(Reason.NOT_UNICODE, f"{what}: half of a surrogate pair in a text")
    try:
        value = json.loads(text, object_pairs_hook=_once(what, folded), parse_constant=_constant)
    except RecursionError:
        raise RefusedError(Reason.TOO_DEEP, f"{what}: nested too deep") from None
    except ValueError as error:
        raise RefusedError(Reason.NOT_JSON, f"{what}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(
            Reason.NOT_JSON, f"{what}: expected a JSON object, got {type(value).__name__}"
        )
    return value


def _once(what: str, folded: bool) -> Callable[[_Pairs], dict[str, Any]]:
    def made(pairs: _Pairs) -> dict[str, Any]:
        found = dict(pairs)
        count = len({key.casefold() for key in found}) if folded else len(found)
        if count != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                name = key.casefold() if folded else key
                if name in seen:
                    raise RefusedError(
                        Reason.DUPLICATE_KEY, f"{what}: the key {key!r:.80} stands twice"
                    )
                seen.add(name)
        return found

    return made


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def strict_base64(text: str, what: str) -> bytes:
    """What a text in base64 holds; RefusedError unless it is the one text for these bytes.

    Either alphabet (DSSE protocol.md), but padded, and with no bits behind the last byte.
    """
    plain = text
    if ("-" in text or "_" in text) and not ("+" in text or "/" in text):
        plain = text.replace("-", "+").replace("_", "/")
    try:
        data = binascii.a2b_base64(plain, strict_mode=True)
    except ValueError:
        raise RefusedError(Reason.NOT_BASE64, f"{what} is not base64") from None
    # Only at the end can two texts stand for the same bytes.
    rest = len(data) % 3 or min(3, len(data))
    if len(plain) != -(-len(data) // 3) * 4 or plain[-4:] != _encoded(data[len(data) - rest :]):
        raise RefusedError(Reason.NOT_BASE64, f"{what}: another base64 text says the same bytes")
    return data


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
