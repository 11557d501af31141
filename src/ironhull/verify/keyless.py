"""Bundles with a certificate, held to an identity by the library `sigstore`, offline.

The trusted root (`trusted_root.json`) says which authorities and logs are believed: the chain at
the time of signing, the certificate log's promise, the entry in the transparency log with its
proof, and that it is about this signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ironhull.attest.envelope import Envelope
from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.signing.interface import identity_fingerprint
from ironhull.signing.keyless import MISSING, certified
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.trust import Signer

MAX_ROOT = 4 << 20


class TrustedIdentity:
    """One identity at one issuer, as a trusted root knows them."""

    def __init__(self, identity: str, issuer: str, trusted_root: Path, name: str = "") -> None:
        """`name` is what verdicts call it; empty: the identity.

        InputError without the library, EnvironmentProblem, MalformedError for the root.
        """
        try:
            from sigstore.errors import Error
            from sigstore.models import TrustedRoot
            from sigstore.verify import Verifier
            from sigstore.verify.policy import Identity
        except ImportError:
            raise InputError(MISSING.replace("signing", "verifying")) from None
        try:
            if trusted_root.stat().st_size > MAX_ROOT:
                raise MalformedError(f"{trusted_root}: larger than {MAX_ROOT} bytes")
            self._verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root)))
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {trusted_root}: {error.strerror}") from None
        except (ValueError, Error) as error:
            raise MalformedError(f"{trusted_root}: no trusted root of sigstore: {error}") from None
        self._policy = Identity(identity=identity, issuer=issuer)
        self._identity, self._issuer = identity, issuer
        self._name = name or identity

    def named_in(self, material: Mapping[str, Any]) -> bool:
        """As `CertifiedIdentity.named_in`."""
        return certified(material) == (self._identity, self._issuer)

    def signer(self, bundle: bytes, envelope: Envelope) -> Signer:
        """Who signed; RefusedError for anybody else, and for what cannot be shown.

        `envelope` is what was read of the bundle: the library has to have read the same.
        """
        from sigstore.errors import Error
        from sigstore.models import Bundle

        try:
            read = Bundle.from_json(bundle)
            kind, payload = self._verifier.verify_dsse(read, self._policy)
        # The library hands parsers' errors on; what is in a bundle is anybody's.
        except (Error, ValueError, KeyError, TypeError, AttributeError) as error:
            said = str(error) or type(error).__name__
            raise RefusedError(
                Reason.CERTIFICATE, f"its certificate does not hold: {said:.500}"
            ) from None
        if (kind, payload) != (envelope.payload_type, envelope.payload):
            raise RefusedError(Reason.CERTIFICATE, "sigstore reads another statement in it")
        moment = read.log_entry._inner.integrated_time  # noqa: SLF001 - there is no other way
        time = datetime.fromtimestamp(moment, UTC).isoformat() if moment else ""
        fingerprint = identity_fingerprint(self._identity, self._issuer)
        return Signer(fingerprint, self._name, time.replace("+00:00", "Z"))
