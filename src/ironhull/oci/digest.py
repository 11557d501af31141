"""Digests of the OCI image specification (descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

from ironhull.errors import MalformedError

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits: the bytes as stored and served."""

DiffId = NewType("DiffId", str)
"""The digest of a layer's uncompressed tar (config.md, "Layer DiffID")."""

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_ANY = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+")


def parse_digest(text: object) -> Digest:
    """The text as a sha256 digest; MalformedError for anything else, other algorithms by name."""
    if isinstance(text, str):
        if _SHA256.fullmatch(text):
            return Digest(text)
        if _ANY.fullmatch(text) and not text.startswith("sha256:"):
            algorithm = text.split(":", 1)[0]
            raise MalformedError(f"digest algorithm {algorithm!r} is not supported (use sha256)")
    raise MalformedError(f"not a digest: {text!r:.100} (expected sha256: and 64 hex digits)")


def digest_of(data: bytes) -> Digest:
    """The sha256 digest of the bytes."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def hex_of(digest: Digest | DiffId) -> str:
    """The 64 hexadecimal digits of a sha256 digest."""
    return digest[7:]
