"""A signer with a key of its own, made at once; what it signs is real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ironhull.signing.public_key import PublicKey


class FakeSigner:
    """As a key file's, without a file."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = PublicKey.of(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def material(self, message: bytes, signature: bytes) -> Mapping[str, Any]:
        del message, signature
        return {"publicKey": {"hint": self.public.hint}}
