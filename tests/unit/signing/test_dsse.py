"""Signed envelopes: what is signed is what is read, and a key counts once."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope as InTotoEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey
from tests.fakes.signer import FakeSigner

from ironhull.attest.bundle import BUNDLE_TYPE, parse_bundle
from ironhull.attest.envelope import Envelope, Signature, envelope_json, pae, parse_envelope
from ironhull.attest.opening import open_attachment
from ironhull.attest.statement import (
    PAYLOAD_TYPE,
    Subject,
    parse_statement,
    render_statement,
)
from ironhull.signing.dsse import signed_bundle, signers_of
from ironhull.signing.public_key import PublicKey

SUBJECT = Subject("static", {"sha256": "ab" * 32})
SAID = render_statement([SUBJECT], "https://openvex.dev/ns/v0.2.0", b'{"b":1,"a":2}')


def envelope_of(bundle: bytes) -> Envelope:
    return parse_bundle(json.loads(bundle), "bundle").envelope


def test_a_statement_keeps_the_predicates_bytes() -> None:
    read = parse_statement(SAID, "statement")
    assert read.predicate == b'{"b":1,"a":2}'
    assert read.subjects == (SUBJECT,)
    assert read.predicate_type == "https://openvex.dev/ns/v0.2.0"
    assert read.type == "https://in-toto.io/Statement/v1"


def test_a_signed_bundle_is_read_back_and_holds() -> None:
    signer = FakeSigner()
    bundle = signed_bundle(SAID, signer)
    assert json.loads(bundle)["mediaType"] == BUNDLE_TYPE
    assert open_attachment(bundle, "bundle").document == b'{"b":1,"a":2}'
    assert signers_of(envelope_of(bundle), [signer.public]) == (signer.public,)


def test_the_same_statement_gives_the_same_bundle() -> None:
    signer = FakeSigner()
    assert signed_bundle(SAID, signer) == signed_bundle(SAID, signer)


def test_the_encoding_is_that_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_nobody_has_signed_for_another_key() -> None:
    assert signers_of(envelope_of(signed_bundle(SAID, FakeSigner())), [FakeSigner().public]) == ()


def test_two_signatures_of_one_key_are_one_signer() -> None:
    signer = FakeSigner()
    envelope = envelope_of(signed_bundle(SAID, signer))
    again = Signature("other", signer.sign(pae(PAYLOAD_TYPE, SAID)))
    doubled = replace(envelope, signatures=(*envelope.signatures, again))
    assert signers_of(doubled, [signer.public, signer.public]) == (signer.public,)


def test_two_keys_are_two_signers_in_the_order_of_the_keys() -> None:
    first, second = FakeSigner(), FakeSigner()
    message = pae(PAYLOAD_TYPE, SAID)
    signatures = tuple(Signature("", each.sign(message)) for each in (second, first))
    envelope = Envelope(PAYLOAD_TYPE, SAID, signatures)
    assert signers_of(envelope, [first.public, second.public]) == (first.public, second.public)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": SAID.replace(b"static", b"statix")},
        {"payload_type": "application/json"},
        {"signatures": ()},
        {"signatures": (Signature("", b""),)},
    ],
)
def test_what_was_changed_holds_no_more(change: dict[str, object]) -> None:
    signer = FakeSigner()
    envelope = envelope_of(signed_bundle(SAID, signer))
    changed = replace(envelope, **change)  # type: ignore[arg-type]
    assert signers_of(changed, [signer.public]) == ()


def test_a_keyid_is_written_where_there_is_one() -> None:
    envelope = Envelope(PAYLOAD_TYPE, SAID, (Signature("k", b"1"), Signature("", b"2")))
    value = msgspec.json.decode(msgspec.json.encode(envelope_json(envelope)))
    assert [sorted(each) for each in value["signatures"]] == [["keyid", "sig"], ["sig"]]
    assert parse_envelope(value, "envelope") == envelope


# -- in-toto's own verification: its library for Python verifies with securesystemslib -----------


def in_totos(bundle: bytes, key: SSlibKey) -> InTotoEnvelope:
    """The envelope as in-toto reads it: it wants its own name of the key, which nothing signs."""
    value = json.loads(bundle)["dsseEnvelope"]
    for each in value["signatures"]:
        each["keyid"] = key.keyid
    return InTotoEnvelope.from_dict(value)


def test_in_toto_verifies_what_is_signed_here() -> None:
    signer = FakeSigner()
    key = SSlibKey.from_crypto(load_pem_public_key(signer.public.pem))
    envelope = in_totos(signed_bundle(SAID, signer), key)
    assert envelope.verify([key], 1) == {key.keyid: key}
    assert envelope.payload == SAID
    assert envelope.pae() == pae(PAYLOAD_TYPE, SAID)


def test_in_toto_refuses_it_for_another_key_and_another_payload() -> None:
    signer = FakeSigner()
    key = SSlibKey.from_crypto(load_pem_public_key(signer.public.pem))
    other = SSlibKey.from_crypto(load_pem_public_key(FakeSigner().public.pem))
    with pytest.raises(VerificationError):
        in_totos(signed_bundle(SAID, signer), other).verify([other], 1)
    changed = in_totos(signed_bundle(SAID, signer), key)
    changed.payload = SAID.replace(b"static", b"statix")
    with pytest.raises(VerificationError):
        changed.verify([key], 1)


def test_what_in_toto_signs_is_read_here() -> None:
    theirs = CryptoSigner.generate_ecdsa()
    envelope = InTotoEnvelope(SAID, PAYLOAD_TYPE, {})
    envelope.sign(theirs)
    public = PublicKey.from_pem(theirs.public_key.keyval["public"].encode(), "in-toto's key")
    read = parse_envelope(envelope.to_dict(), "in-toto's")
    assert signers_of(read, [FakeSigner().public, public]) == (public,)
