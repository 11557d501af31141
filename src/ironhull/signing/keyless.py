"""Signs without a key of one's own, as sigstore does it (the library `sigstore`).

An identity's token gets a certificate for a few minutes; what is signed with it goes into a log,
whose promise shows that it was signed in those minutes. Which authority and which log is in a trust
configuration (`ClientTrustConfig`, as sigstore's tools read it), any one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from ironhull.errors import InputError, MalformedError, NetworkError, UntrustedError
from ironhull.signing.interface import identity_fingerprint

MISSING = "signing without a key takes the library sigstore: pip install 'ironhull[sigstore]'"
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_UTF8 = 0x0C


class KeylessSigner:
    """Signs statements as an identity, for as long as its token holds."""

    def __init__(self, trust_config: bytes, token: str) -> None:
        """InputError without the library; MalformedError for what is no configuration or token."""
        try:
            # Loaded by who signs so: it brings half a second of other libraries.
            from sigstore.errors import Error
            from sigstore.models import ClientTrustConfig
            from sigstore.oidc import IdentityError, IdentityToken
            from sigstore.sign import SigningContext
        except ImportError:
            raise InputError(MISSING) from None
        try:
            config = ClientTrustConfig.from_json(trust_config.decode())
            self._context = SigningContext.from_trust_config(config)
        except (ValueError, Error) as error:
            raise MalformedError(f"the trust configuration of sigstore: {error}") from None
        try:
            self._token = IdentityToken(token)
        except IdentityError as error:
            # Nothing of the token is repeated: it is a secret for as long as it holds.
            raise MalformedError(f"the identity token: {error}") from None
        self._signer: Any = None

    @property
    def identity(self) -> str:
        """Who signs: an address of mail, or a URI, as certificates name it."""
        return self._token.identity

    @property
    def fingerprint(self) -> str:
        """What stands for the identity where keys have fingerprints."""
        return identity_fingerprint(self.identity, self._token.federated_issuer)

    def bundle(self, statement: bytes) -> bytes:
        """A statement in a bundle of version 0.3; NetworkError, UntrustedError, InputError."""
        import requests
        from sigstore import dsse
        from sigstore._internal.fulcio.client import ExpiredCertificate, FulcioClientError
        from sigstore._internal.rekor import RekorClientError
        from sigstore.errors import Error
        from sigstore.oidc import ExpiredIdentity

        try:
            try:
                made = self._ready().sign_dsse(dsse.Statement(statement))
            except ExpiredCertificate:
                self._signer = None
                made = self._ready().sign_dsse(dsse.Statement(statement))
        except ExpiredIdentity:
            raise InputError("the identity token is over; get another one") from None
        except (requests.RequestException, FulcioClientError, RekorClientError) as error:
            raise NetworkError(f"sigstore's services: {error or type(error).__name__}") from None
        except Error as error:
            raise UntrustedError(
                f"what sigstore's services answer does not hold: {error}"
            ) from None
        written: str = made.to_json()
        return written.encode()

    def signed(self, material: Mapping[str, Any]) -> bool:
        """Whether a bundle's certificate names this identity. Nothing is verified."""
        return certified(material) == (self.identity, self._token.federated_issuer)

    def _ready(self) -> Any:
        from sigstore.sign import Signer

        if self._signer is None:
            self._signer = Signer(self._token, self._context)
        return self._signer


def certified(material: Mapping[str, Any]) -> tuple[str, str]:
    """Identity and issuer that the certificate of a bundle names; empty where it names none."""
    written = material.get("certificate")
    text = written.get("rawBytes") if isinstance(written, Mapping) else None
    if not isinstance(text, str):
        return "", ""
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuer = extensions.get_extension_for_oid(_ISSUER).value
    except (ValueError, x509.ExtensionNotFound):
        return "", ""
    found = [
        *names.get_values_for_type(x509.RFC822Name),
        *names.get_values_for_type(x509.UniformResourceIdentifier),
    ]
    raw = issuer.value if isinstance(issuer, x509.UnrecognizedExtension) else b""
    return (found[0] if len(found) == 1 else ""), _text(raw)


def _text(der: bytes) -> str:
    """A short UTF8String of DER; empty for anything else."""
    if len(der) < 2 or der[0] != _UTF8 or der[1] != len(der) - 2:
        return ""
    return der[2:].decode("utf-8", "replace")
