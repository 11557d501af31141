"""A bundle, from its bytes to a statement that somebody known has signed about this image.

1. the bundle: strict JSON, version 0.3, around an envelope
2. the envelope: in-toto's type, canonical base64, a signature
3. the signatures: those of the keys that are believed
4. the statement: strict JSON, about this image and no other, of the type it was listed as

Only then is anything that it says looked at. What it says besides (`keyid`, the hint of a key,
names of subjects) is whoever's wrote it, and decides nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.attest.envelope import Envelope, Signature
from ironhull.attest.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from ironhull.oci.digest import Digest, hex_of
from ironhull.values import dataclass
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.strict import strict_base64, strict_object
from ironhull.verify.trust import Signer, Trust

MAX_SIGNATURES = 16
MAX_SUBJECTS = 100
MAX_STAMP = 64 * 1024
MAX_STAMPS = 8
# cosign still writes the older one; both say the same.
STATEMENT_TYPES = (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a bundle says, and who signed it."""

    type: str
    """The predicate's type, a URI."""
    predicate: bytes
    """A JSON object, byte by byte as it was signed."""
    signers: tuple[Signer, ...]
    """At least one."""
    about: Digest
    """The one manifest that it is about."""


def open_bundle(data: bytes, about: Digest | None, listed: frozenset[str], trust: Trust) -> Opened:
    """The statement in a bundle about the manifest `about`; RefusedError says what is wrong.

    `about` None: about any one manifest. `listed` are the predicate's types that the list of
    referrers, or the referrer, names.
    """
    envelope, material = _envelope(data)
    signers = _signers(data, envelope, material, trust)
    kind, predicate, about = _statement(envelope.payload, about)
    others = listed - {kind}
    if others:
        raise RefusedError(
            Reason.WRONG_TYPE, f"it says {kind}, and is listed as {min(others)!r:.200}"
        )
    return Opened(kind, predicate, signers, about)


def _envelope(data: bytes) -> tuple[Envelope, dict[str, Any]]:
    value = strict_object(data, "the bundle", folded=True)
    media_type = _text(value, "mediaType", "the bundle")
    if media_type != BUNDLE_TYPE:
        raise RefusedError(
            Reason.WRONG_BUNDLE, f"a bundle of type {media_type!r:.200}, expected {BUNDLE_TYPE}"
        )
    if "messageSignature" in value:
        raise RefusedError(
            Reason.WRONG_BUNDLE, "a bundle with a signature over bytes, which say nothing"
        )
    written = _object(value, "dsseEnvelope", "the bundle")
    payload_type = _text(written, "payloadType", "the envelope")
    if payload_type != PAYLOAD_TYPE:
        raise RefusedError(
            Reason.WRONG_PAYLOAD_TYPE,
            f"a payload of type {payload_type!r:.200}, expected {PAYLOAD_TYPE}",
        )
    signatures = written.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise RefusedError(Reason.NOT_SIGNED, "an envelope without a signature")
    if len(signatures) > MAX_SIGNATURES:
        raise RefusedError(
            Reason.TOO_MANY_SIGNATURES,
            f"an envelope of {len(signatures)} signatures; at most {MAX_SIGNATURES} are tried",
        )
    envelope = Envelope(
        payload_type,
        strict_base64(_text(written, "payload", "the envelope"), "the payload"),
        tuple(_signature(each) for each in signatures),
    )
    return envelope, _object(value, "verificationMaterial", "the bundle")


def _signature(value: object) -> Signature:
    if not isinstance(value, dict):
        raise RefusedError(Reason.WRONG_FIELD, "a signature of the envelope is no object")
    sig = strict_base64(_text(value, "sig", "a signature"), "a signature")
    if not sig:
        raise RefusedError(Reason.NOT_SIGNED, "an envelope with an empty signature")
    return Signature("", sig)


def _signers(
    data: bytes, envelope: Envelope, material: dict[str, Any], trust: Trust
) -> tuple[Signer, ...]:
    stamps = _stamps_in(material) if trust.authorities is not None else []
    signers = trust.signers(envelope, stamps)
    if signers:
        return signers
    if trust.unstamped(envelope):
        raise RefusedError(
            Reason.NO_TIMESTAMP, "no timestamp of its signature by an authority that is trusted"
        )
    revoked = trust.revoked_signers(envelope)
    if revoked:
        raise RefusedError(Reason.REVOKED_KEY, f"signed by {revoked[0]}, a key that was revoked")
    if "certificate" in material or "x509CertificateChain" in material:
        certified = trust.certified(data, envelope, material, stamps)
        if certified is not None:
            return (certified,)
        raise RefusedError(Reason.CERTIFICATE, "signed with a certificate, and by none of the keys")
    raise RefusedError(
        Reason.UNKNOWN_KEY,
        f"no signature of it is by one of the {len(trust.believed)} keys that are believed",
    )


def _stamps_in(material: Mapping[str, Any]) -> list[bytes]:
    """The stamps of a bundle (`verificationMaterial`); what is none is left out."""
    data = material.get("timestampVerificationData")
    listed = data.get("rfc3161Timestamps") if isinstance(data, Mapping) else None
    found = []
    for each in listed[:MAX_STAMPS] if isinstance(listed, list) else ():
        text = each.get("signedTimestamp") if isinstance(each, Mapping) else None
        if isinstance(text, str) and len(text) <= MAX_STAMP:
            with suppress(binascii.Error):
                found.append(base64.b64decode(text, validate=True))
    return found


class _Written(msgspec.Struct):
    predicate: msgspec.Raw


# Made when this is loaded: what msgspec first learns of a type in several threads at once ends the
# process.
_WRITTEN = msgspec.json.Decoder(_Written)


def _statement(payload: bytes, about: Digest | None) -> tuple[str, bytes, Digest]:
    """The predicate's type and bytes, and what it is about."""
    try:
        predicate = bytes(_WRITTEN.decode(payload).predicate)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        value = strict_object(payload, "the statement", folded=True)
        raise RefusedError(
            Reason.WRONG_STATEMENT, f"a statement {_without_predicate(value)}"
        ) from None
    if not predicate.startswith(b"{"):
        raise RefusedError(Reason.WRONG_STATEMENT, "a predicate that is no JSON object")
    # A predicate may have megabytes, and is read where a rule needs it: here what is around it.
    # A second `predicate` would stay, and be found.
    around = strict_object(_without(payload, predicate), "the statement", folded=True)
    if around.get("predicate") is not None:  # the same bytes stand before it, too
        around = strict_object(payload, "the statement", folded=True)
    said = _text(around, "_type", "the statement")
    if said not in STATEMENT_TYPES:
        raise RefusedError(Reason.WRONG_STATEMENT, f"a statement of type {said!r:.200}")
    kind = _text(around, "predicateType", "the statement")
    return kind, predicate, _only_subject(around.get("subject"), about)


_KEY = b'"predicate":'


def _without(payload: bytes, predicate: bytes) -> bytes:
    """The payload with null in the place of the predicate, where it is first."""
    # It usually stands behind its key; to look for megabytes in megabytes takes long.
    at = payload.find(_KEY) + len(_KEY)
    at += payload[at : at + 1] == b" "
    if not payload.startswith(predicate, at):
        return payload.replace(predicate, b"null", 1)
    return payload[:at] + b"null" + payload[at + len(predicate) :]


def _without_predicate(value: dict[str, Any]) -> str:
    return "without a predicate" if "predicate" not in value else "that cannot be read"


def _only_subject(subjects: object, about: Digest | None) -> Digest:
    if not isinstance(subjects, list) or not subjects:
        raise RefusedError(Reason.NO_SUBJECT, "a statement about nothing: its subjects are empty")
    if len(subjects) > MAX_SUBJECTS:
        raise RefusedError(Reason.MORE_SUBJECTS, f"a statement about {len(subjects)} artifacts")
    found = {_sha256(each) for each in subjects}
    if about is not None and hex_of(about) not in found:
        raise RefusedError(
            Reason.WRONG_SUBJECT, f"a statement about sha256:{min(found)}, not about {about}"
        )
    if len(found) > 1:
        raise RefusedError(
            Reason.MORE_SUBJECTS,
            f"a statement about {len(found)} artifacts; one that is about this image alone counts",
        )
    return Digest(f"sha256:{found.pop()}")


def _sha256(subject: object) -> str:
    if not isinstance(subject, dict):
        raise RefusedError(Reason.WRONG_FIELD, "a subject of the statement is no object")
    digests = _object(subject, "digest", "a subject of the statement")
    found = digests.get("sha256")
    if not isinstance(found, str) or len(found) != 64 or set(found) - set("0123456789abcdef"):
        named = ", ".join(sorted(digests)) or "none"
        raise RefusedError(
            Reason.WRONG_DIGEST, f"a subject without a sha256 of 64 digits (it has: {named:.200})"
        )
    return found


def _text(value: dict[str, Any], key: str, where: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise RefusedError(Reason.WRONG_FIELD, f"{where}: {key} is missing or no text")
    return found


def _object(value: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise RefusedError(Reason.WRONG_FIELD, f"{where}: {key} is missing or no object")
    return found
