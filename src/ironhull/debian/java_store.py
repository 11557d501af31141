"""Java's store of certificate authorities, as Debian's ca-certificates-java makes it.

The format is Java's own JKS (`sun.security.provider.JavaKeyStore`), which every Java reads: a head,
an entry for each certificate, and a digest over a fixed word. Times in it are 0, so that the same
authorities give the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Mapping

_PASSWORD = "changeit"  # noqa: S105 - the one that every Java knows; what is in it is public
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def java_store(certificates: Mapping[str, bytes]) -> bytes:
    """A JKS of certificates (DER, by alias in small letters), its password `changeit`."""
    parts = [struct.pack(">III", 0xFEEDFEED, 2, len(certificates))]
    for alias, data in sorted(certificates.items()):
        # Tag 2: a certificate that is trusted; then its time.
        parts.append(struct.pack(">I", 2) + _text(alias) + struct.pack(">Q", 0))
        parts.append(_text("X.509") + struct.pack(">I", len(data)) + data)
    body = b"".join(parts)
    key = _PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite"
    return body + hashlib.sha1(key + body, usedforsecurity=False).digest()


def certificates_in(pem: bytes) -> list[bytes]:
    """The certificates of a PEM file, as DER; what is none in it is passed over."""
    found = []
    for match in _PEM.finditer(pem):
        try:
            found.append(base64.b64decode(b"".join(match[1].split()), validate=True))
        except binascii.Error:
            continue
    return found


def _text(text: str) -> bytes:
    # As DataOutput.writeUTF writes all that a file's name may hold here.
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw
