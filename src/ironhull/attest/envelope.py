"""DSSE envelopes: a payload, its type, and signatures over both (secure-systems-lab/dsse)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ironhull.errors import MalformedError
from ironhull.json_fields import objects, text
from ironhull.values import dataclass

MAX_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. `keyid` is a hint that nothing vouches for; empty where none is given."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload as it was signed: decoded, not parsed."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """What a signature is over: the pre-authentication encoding (DSSE protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope_json(envelope: Envelope) -> dict[str, Any]:
    """An envelope for msgspec to write as JSON: bytes are in Base64 there.

    A signature without keyid has no such field, as cosign's.
    """
    return {
        "payloadType": envelope.payload_type,
        "payload": envelope.payload,
        "signatures": [
            {"sig": each.sig} | ({"keyid": each.keyid} if each.keyid else {})
            for each in envelope.signatures
        ],
    }


def parse_envelope(value: dict[str, Any], name: str) -> Envelope:
    """The envelope that a JSON object is; MalformedError for what is none."""
    signatures = objects(value, "signatures", name)
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError(f"{name}: an envelope of {len(signatures)} signatures")
    return Envelope(
        payload_type=text(value, "payloadType", name),
        payload=_decoded(text(value, "payload", name), f"{name}: the envelope's payload"),
        signatures=tuple(
            Signature(
                text(each, "keyid", name),
                _decoded(text(each, "sig", name), f"{name}: a signature of the envelope"),
            )
            for each in signatures
        ),
    )


def _decoded(encoded: str, what: str) -> bytes:
    """Base64 in either alphabet (DSSE protocol.md), not in a mixture of both."""
    plain = encoded
    if "+" not in encoded and "/" not in encoded:
        plain = encoded.translate({ord("-"): "+", ord("_"): "/"})
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{what} is not base64") from None
