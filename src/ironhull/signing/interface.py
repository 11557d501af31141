"""What a signer is; each kind of key has a file beside this one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from ironhull.signing.public_key import PublicKey


class Signer(Protocol):
    """Signs with a private key that stays where it is."""

    @property
    def public(self) -> PublicKey:
        """The key that its signatures are checked with."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over a message, as `PublicKey.holds` reads it; EnvironmentProblem."""
        ...

    def material(self, message: bytes, signature: bytes) -> Mapping[str, Any]:
        """A bundle's `verificationMaterial`: the key's hint, or certificate and log entries."""
        ...


@runtime_checkable
class BundleSigner(Protocol):
    """Signs as somebody and not with a key: each bundle has a certificate of its own."""

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits for who signs."""
        ...

    def bundle(self, statement: bytes) -> bytes:
        """The statement in a signed bundle; NetworkError, UntrustedError, InputError."""
        ...

    def signed(self, material: Mapping[str, Any]) -> bool:
        """Whether a bundle's `verificationMaterial` names the same signer. Not verified."""
        ...


def identity_fingerprint(identity: str, issuer: str) -> str:
    """64 hexadecimal digits for an identity at its issuer, where keys have their fingerprints."""
    return hashlib.sha256(f"{issuer}\n{identity}".encode()).hexdigest()
