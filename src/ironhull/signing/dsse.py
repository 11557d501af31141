"""Signs envelopes, and says whose signatures hold."""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.attest.bundle import render_bundle
from ironhull.attest.envelope import Envelope, Signature, pae
from ironhull.attest.statement import PAYLOAD_TYPE
from ironhull.signing.interface import BundleSigner, Signer
from ironhull.signing.public_key import PublicKey


def signed_bundle(statement: bytes, signer: Signer | BundleSigner) -> bytes:
    """A statement in a bundle, signed; what a referrer's layer holds."""
    if isinstance(signer, BundleSigner):
        return signer.bundle(statement)
    message = pae(PAYLOAD_TYPE, statement)
    signature = signer.sign(message)
    envelope = Envelope(PAYLOAD_TYPE, statement, (Signature("", signature),))
    return render_bundle(envelope, signer.material(message, signature))


def signers_of(envelope: Envelope, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Which of the keys have signed it, each once, however many signatures of it there are.

    What the envelope says of keys (`keyid`) is not looked at: it is a hint of whoever wrote it.
    """
    message = pae(envelope.payload_type, envelope.payload)
    return tuple(
        key
        for key in dict.fromkeys(keys)
        if any(key.holds(message, each.sig) for each in envelope.signatures)
    )
