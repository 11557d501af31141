"""What a signer is; each kind of key has a file beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

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
