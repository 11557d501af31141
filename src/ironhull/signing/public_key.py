"""Public keys: read from PEM, named by their digest, and whether a signature holds.

The algorithm follows from the key alone, never from what is signed: ECDSA over P-256 with SHA-256,
P-384 with SHA-384, P-521 with SHA-512, Ed25519, and RSA (PKCS #1 v1.5, SHA-256, from 2048 bits).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ironhull.errors import MalformedError, UntrustedError
from ironhull.values import dataclass

MAX_PEM = 64 * 1024
_LEAST_RSA = 2048
_ED25519 = 32
# rebuilderd writes Ed25519 keys with parameters (NULL), which RFC 8410 forbids and OpenSSL refuses.
_ED25519_WITH_NULL = re.compile(
    rb"-----BEGIN PUBLIC KEY-----\s+(MCwwBwYDK2VwBQADIQ[A-Za-z0-9+/]{44}==)\s+"
    rb"-----END PUBLIC KEY-----"
)
_CURVES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key. Equal keys have equal bytes, however their files were written."""

    der: bytes
    """SubjectPublicKeyInfo."""
    key: Key = field(compare=False, repr=False)

    @classmethod
    def of(cls, key: object, name: str = "the key") -> PublicKey:
        """A key of the library; UntrustedError for a kind or a size that is not accepted."""
        if isinstance(key, ec.EllipticCurvePublicKey):
            if key.curve.name not in _CURVES:
                raise UntrustedError(f"{name}: keys on the curve {key.curve.name} are not accepted")
        elif isinstance(key, rsa.RSAPublicKey):
            if key.key_size < _LEAST_RSA:
                raise UntrustedError(f"{name}: an RSA key of {key.key_size} bits is too short")
        elif not isinstance(key, ed25519.Ed25519PublicKey):
            raise UntrustedError(f"{name}: keys of this kind are not accepted (ECDSA is)")
        der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(der, key)

    @classmethod
    def from_pem(cls, data: bytes, name: str) -> PublicKey:
        """The key of a PEM file (`BEGIN PUBLIC KEY`); MalformedError, UntrustedError."""
        if len(data) > MAX_PEM:
            raise MalformedError(f"{name}: {len(data)} bytes are no public key")
        if b"PRIVATE KEY" in data:
            # Nothing of the file is repeated: it may end in a log.
            raise MalformedError(f"{name} is a private key; give the public one (.pub)")
        rebuilders = _ED25519_WITH_NULL.search(data)
        if rebuilders is not None:
            raw = base64.b64decode(rebuilders[1], validate=True)[-_ED25519:]
            return cls.of(ed25519.Ed25519PublicKey.from_public_bytes(raw), name)
        try:
            return cls.of(serialization.load_pem_public_key(data), name)
        except (ValueError, UnsupportedAlgorithm):
            raise MalformedError(f"{name} is no public key in PEM") from None

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits: SHA-256 of the DER."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def hint(self) -> str:
        """How a bundle names it: Base64 of the same SHA-256."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    @property
    def pem(self) -> bytes:
        """The key as a file."""
        return self.key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def algorithm(self) -> str:
        """For people: `ECDSA P-256`, `Ed25519`, `RSA 3072`."""
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            return f"ECDSA P-{self.key.curve.key_size}"
        if isinstance(self.key, rsa.RSAPublicKey):
            return f"RSA {self.key.key_size}"
        return "Ed25519"

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature over a message is this key's."""
        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                self.key.verify(signature, message, ec.ECDSA(hash_of(self.key.curve)))
            elif isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def hash_of(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    """The hash that goes with a curve."""
    return _CURVES[curve.name]
