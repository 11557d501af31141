"""Timestamps of signatures (RFC 3161): an authority says that a signature was there by then.

They stand in the bundle beside the key's hint, as sigstore's have them. Asked for, they make two
signatures of the same statement differ.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ironhull.errors import MalformedError, NetworkError, UntrustedError
from ironhull.signing.interface import Signer
from ironhull.signing.public_key import PublicKey

QUERY = "application/timestamp-query"
MAX_REPLY = 64 * 1024
Ask = Callable[[bytes], bytes]
"""Sends a query (DER) to the authority and gives its reply; NetworkError."""


@dataclass(frozen=True, slots=True)
class TimestampedSigner:
    """A signer whose signatures are timestamped."""

    signer: Signer
    ask: Ask

    @property
    def public(self) -> PublicKey:
        """As `Signer.public`."""
        return self.signer.public

    def sign(self, message: bytes) -> bytes:
        """As `Signer.sign`."""
        return self.signer.sign(message)

    def material(self, message: bytes, signature: bytes) -> Mapping[str, Any]:
        """As `Signer.material`, with the timestamp; errors as `timestamp_of`."""
        stamp = base64.b64encode(timestamp_of(signature, self.ask)).decode()
        return {
            **self.signer.material(message, signature),
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": stamp}]},
        }


def timestamp_of(signature: bytes, ask: Ask) -> bytes:
    """The authority's reply about a signature (DER); MalformedError, NetworkError, UntrustedError.

    It answers this very query, or it is refused. Who signed it is for those who verify to check.
    """
    # Loaded by who asks for timestamps.
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    query = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    reply = ask(query.as_bytes())
    try:
        answer = decode_timestamp_response(reply)
    except ValueError as error:
        raise MalformedError(f"the timestamp authority's reply is none: {error}") from None
    if answer.status != 0:
        raise NetworkError(f"the timestamp authority refuses: {answer.status_string}")
    about = answer.tst_info
    if about.nonce != query.nonce or about.message_imprint.message != query.message_imprint.message:
        raise UntrustedError("the timestamp authority's reply is about something else")
    return reply
