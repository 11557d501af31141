"""Attacks on one statement: each changes one thing of a good one, and is refused for that thing.

A row is a name, what is changed and where, and the reason. The statement is attached to an image
that is signed as it should be, so what is refused is the change and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from tests.fakes.signed_image import SIGNATURE, VEX, SignedImage, said_about, with_
from tests.fakes.signer import FakeSigner

from ironhull.verify import evidence as limits
from ironhull.verify.evidence import Refused
from ironhull.verify.refusal import Reason

PREDICATE = {"@id": "https://example.org/vex/1", "statements": []}
OTHER = "ab" * 32
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def attacked(image: SignedImage, **change: Any) -> list[Refused]:
    """What is refused of the image when a changed statement is attached to its first manifest."""
    image.attach(image.manifests[0], VEX, PREDICATE, **change)
    subject = image.collect().images[0]
    assert [each.type for each in subject.statements] == [SIGNATURE], "only the signature counts"
    return list(subject.refused)


def refused(image: SignedImage, reason: Reason, words: str, **change: Any) -> None:
    (found,) = attacked(image, **change)
    assert found.reason is reason
    assert words in found.message


def test_control_the_same_statement_unchanged_counts(image: SignedImage) -> None:
    image.attach(image.manifests[0], VEX, PREDICATE)
    subject = image.collect().images[0]
    assert sorted(each.type for each in subject.statements) == [VEX, SIGNATURE]
    assert subject.refused == ()


# -- the statement, signed as it is ---------------------------------------------------------------


def subject_of(*digests: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return with_(subject=[{"name": "app", "digest": each} for each in digests])


def and_another(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "subject": [*value["subject"], {"name": "b", "digest": {"sha256": OTHER}}]}


def another_before(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "subject": [{"name": "b", "digest": {"sha256": OTHER}}, *value["subject"]]}


def in_capitals(value: dict[str, Any]) -> dict[str, Any]:
    digest = value["subject"][0]["digest"]["sha256"].upper()
    return {**value, "subject": [{"name": "app", "digest": {"sha256": digest}}]}


def cut_short(value: dict[str, Any]) -> dict[str, Any]:
    digest = value["subject"][0]["digest"]["sha256"][:32]
    return {**value, "subject": [{"name": "app", "digest": {"sha256": digest}}]}


def with_algorithm(value: dict[str, Any]) -> dict[str, Any]:
    digest = "sha256:" + value["subject"][0]["digest"]["sha256"]
    return {**value, "subject": [{"name": "app", "digest": {"sha256": digest}}]}


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (subject_of({"sha256": OTHER}), Reason.WRONG_SUBJECT, f"about sha256:{OTHER}"),
        (subject_of(), Reason.NO_SUBJECT, "subjects are empty"),
        (with_(subject=None), Reason.NO_SUBJECT, "subjects are empty"),
        (with_(subject={"sha256": OTHER}), Reason.NO_SUBJECT, "subjects are empty"),
        (with_(subject=["app"]), Reason.WRONG_FIELD, "no object"),
        (and_another, Reason.MORE_SUBJECTS, "about 2 artifacts"),
        (another_before, Reason.MORE_SUBJECTS, "about 2 artifacts"),
        (subject_of(*[{"sha256": OTHER}] * 101), Reason.MORE_SUBJECTS, "about 101 artifacts"),
        (subject_of({"sha512": "ab" * 64}), Reason.WRONG_DIGEST, "it has: sha512"),
        (subject_of({"sha1": "ab" * 20}), Reason.WRONG_DIGEST, "it has: sha1"),
        (subject_of({}), Reason.WRONG_DIGEST, "it has: none"),
        (in_capitals, Reason.WRONG_DIGEST, "64 digits"),
        (cut_short, Reason.WRONG_DIGEST, "64 digits"),
        (with_algorithm, Reason.WRONG_DIGEST, "64 digits"),
        (with_(subject=[{"name": "app"}]), Reason.WRONG_FIELD, "digest is missing"),
        (with_(_type="https://in-toto.io/Statement/v2"), Reason.WRONG_STATEMENT, "Statement/v2"),
        (with_(_type=None), Reason.WRONG_FIELD, "_type is missing"),
        (with_(predicateType=None), Reason.WRONG_FIELD, "predicateType is missing"),
        (with_(predicateType=["x"]), Reason.WRONG_FIELD, "predicateType is missing"),
        (with_(predicateType=SIGNATURE), Reason.WRONG_TYPE, f"says {SIGNATURE}"),
        (with_(predicateType="https://openvex.dev/ns"), Reason.WRONG_TYPE, "listed as"),
        (with_(predicate=None), Reason.WRONG_STATEMENT, "without a predicate"),
        (with_(predicate="text"), Reason.WRONG_STATEMENT, "no JSON object"),
        (with_(predicate=[PREDICATE]), Reason.WRONG_STATEMENT, "no JSON object"),
    ],
)
def test_a_signed_statement_that_says_something_else(
    image: SignedImage, change: Any, reason: Reason, words: str
) -> None:
    refused(image, reason, words, statement=change)


# -- the payload, which readers might take differently --------------------------------------------


def twice(key: str, value: object, *, at_end: bool) -> Callable[[bytes], bytes]:
    """A key once more, before or behind the others."""
    more = f"{json.dumps(key)}:{json.dumps(value)}".encode()

    def changed(payload: bytes) -> bytes:
        return payload[:-1] + b"," + more + b"}" if at_end else b"{" + more + b"," + payload[1:]

    return changed


ELSEWHERE = [{"name": "app", "digest": {"sha256": OTHER}}]


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (twice("subject", ELSEWHERE, at_end=False), Reason.DUPLICATE_KEY, "'subject'"),
        (twice("subject", ELSEWHERE, at_end=True), Reason.DUPLICATE_KEY, "'subject'"),
        (twice("predicate", {}, at_end=False), Reason.DUPLICATE_KEY, "'predicate'"),
        (twice("predicate", {}, at_end=True), Reason.DUPLICATE_KEY, "'predicate'"),
        (twice("predicateType", SIGNATURE, at_end=True), Reason.DUPLICATE_KEY, "'predicateType'"),
        (twice("Subject", ELSEWHERE, at_end=True), Reason.DUPLICATE_KEY, "stands twice"),
        (twice("PREDICATETYPE", VEX, at_end=False), Reason.DUPLICATE_KEY, "stands twice"),
        (twice("\u017fubject", ELSEWHERE, at_end=True), Reason.DUPLICATE_KEY, "stands twice"),
        (
            lambda payload: payload.replace(b'"subject"', b'"subject":[],"s\\u0075bject"'),
            Reason.DUPLICATE_KEY,
            "'subject'",
        ),
        (
            lambda payload: payload.replace(b'{"sha256"', b'{"sha256":"","sha256"'),
            Reason.DUPLICATE_KEY,
            "'sha256'",
        ),
        (lambda payload: payload + b"{}", Reason.NOT_JSON, "not JSON"),
        (lambda payload: b"\xef\xbb\xbf" + payload, Reason.NOT_JSON, "not JSON"),
        (lambda payload: payload[:-1], Reason.NOT_JSON, "not JSON"),
        (lambda payload: b"", Reason.WRONG_FIELD, "payload is missing"),
        (lambda payload: b"[" + payload + b"]", Reason.NOT_JSON, "expected a JSON object"),
        (lambda payload: payload.replace(b'"app"', b'"\\ud800"'), Reason.NOT_UNICODE, "surrogate"),
        (lambda payload: payload.replace(b'"app"', b'"\xff"'), Reason.NOT_UNICODE, "not UTF-8"),
        (lambda payload: payload.replace(b'"app"', b'"\xc0\xaf"'), Reason.NOT_UNICODE, "not UTF-8"),
        (lambda payload: payload.decode().encode("utf-16"), Reason.NOT_UNICODE, "not UTF-8"),
        (lambda payload: payload.replace(b'"app"', b"NaN"), Reason.NOT_JSON, "no number"),
        (
            lambda payload: payload.replace(b'"app"', b"[" * 100_000 + b"]" * 100_000),
            Reason.TOO_DEEP,
            "too deep",
        ),
    ],
)
def test_a_signed_payload_that_can_be_read_in_two_ways(
    image: SignedImage, change: Any, reason: Reason, words: str
) -> None:
    refused(image, reason, words, payload=change)


# -- the signature --------------------------------------------------------------------------------


def not_canonical(payload: bytes) -> bytes:
    return payload.replace(b'"app"', b'"App"')


@pytest.mark.parametrize(
    "change",
    [
        not_canonical,
        lambda payload: payload + b"\n",
        lambda payload: payload.replace(b": ", b":", 1),
        lambda payload: json.dumps(json.loads(payload), sort_keys=True).encode(),
    ],
    ids=["a name", "a line's end", "a space", "the order of keys"],
)
def test_a_payload_that_was_changed_after_it_was_signed(image: SignedImage, change: Any) -> None:
    refused(image, Reason.UNKNOWN_KEY, "by one of the 1 keys", payload=change, unsigned=True)


def test_a_statement_that_was_made_for_another_image_and_renamed_for_this(
    image: SignedImage,
) -> None:
    other = said_about(image.manifests[1], VEX, PREDICATE)
    here = said_about(image.manifests[0], VEX, PREDICATE)
    refused(
        image,
        Reason.UNKNOWN_KEY,
        "no signature of it",
        statement=lambda value: other,
        payload=lambda payload: json.dumps(here).encode(),
        unsigned=True,
    )


def test_a_key_that_nobody_named(image: SignedImage) -> None:
    refused(image, Reason.UNKNOWN_KEY, "by one of the 1 keys", signers=(FakeSigner(),))


def test_a_key_that_was_revoked(image: SignedImage) -> None:
    old = FakeSigner()
    image.attach(image.root, VEX, PREDICATE, signers=(old,))
    (found,) = image.collect(image.trust(image.signer, revoked=(old,))).root.refused
    assert found.reason is Reason.REVOKED_KEY
    assert "revoked" in found.message


def claims_keyid(image: SignedImage) -> Callable[[dict[str, Any]], dict[str, Any]]:
    keyid = image.signer.public.fingerprint
    return lambda value: {
        **value,
        "signatures": [{**each, "keyid": keyid} for each in value["signatures"]],
    }


def test_a_stranger_who_claims_the_keyid_of_a_believed_key(image: SignedImage) -> None:
    change = claims_keyid(image)
    refused(
        image, Reason.UNKNOWN_KEY, "no signature of it", signers=(FakeSigner(),), envelope=change
    )


def test_a_stranger_whose_bundle_has_the_hint_of_a_believed_key(image: SignedImage) -> None:
    material = image.signer.material(b"", b"")
    refused(
        image,
        Reason.UNKNOWN_KEY,
        "no signature of it",
        signers=(FakeSigner(),),
        bundle=with_(verificationMaterial=material),
    )


def test_a_stranger_with_a_certificate_that_he_made_himself(image: SignedImage) -> None:
    refused(
        image,
        Reason.CERTIFICATE,
        "by none of the keys",
        signers=(FakeSigner(),),
        bundle=with_(verificationMaterial={"certificate": {"rawBytes": "AAAA"}}),
    )


def raw_signature(sig: bytes) -> bytes:
    """Two numbers of 32 bytes, as other formats have it."""
    r, s = decode_dss_signature(sig)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def long_der(sig: bytes) -> bytes:
    """The same numbers with a length in two bytes: BER, not DER."""
    return b"\x30\x81" + sig[1:]


@pytest.mark.parametrize(
    "change",
    [
        lambda sig: sig[:-1],
        lambda sig: sig + b"\0",
        lambda sig: bytes(len(sig)),
        lambda sig: encode_dss_signature(0, 0),
        lambda sig: encode_dss_signature(decode_dss_signature(sig)[0], P256),
        lambda sig: encode_dss_signature(P256 + 1, P256 + 1),
        raw_signature,
        long_der,
    ],
    ids=["cut", "longer", "zeros", "0,0", "s=n", "above n", "not in DER", "BER"],
)
def test_a_signature_that_is_none(image: SignedImage, change: Any) -> None:
    refused(image, Reason.UNKNOWN_KEY, "no signature of it", signature=change)


def test_a_signature_with_another_hash(image: SignedImage) -> None:
    class WithSha1(FakeSigner):
        def sign(self, message: bytes) -> bytes:
            return key.sign(message, ec.ECDSA(hashes.SHA1()))

    key = image.signer._key
    refused(image, Reason.UNKNOWN_KEY, "no signature of it", signers=(WithSha1(),))


def test_a_signature_over_the_payload_without_its_type(image: SignedImage) -> None:
    payload = json.dumps(said_about(image.manifests[0], VEX, PREDICATE)).encode()
    bare = image.signer.sign(payload)
    refused(image, Reason.UNKNOWN_KEY, "no signature of it", signature=lambda sig: bare)


# -- the envelope and the bundle ------------------------------------------------------------------


def loose(text: str) -> str:
    """Other base64 for the same bytes: the bits that nobody reads are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    assert body != text, "it has padding"
    return body[:-1] + alphabet[alphabet.index(body[-1]) + 1] + text[len(body) :]


def padded(payload: bytes) -> bytes:
    """With spaces behind, so that its base64 ends with padding."""
    return payload + b" " * (3 - len(payload) % 3 + 1)


def payload_as(change: Callable[[str], str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {**value, "payload": change(value["payload"])}


def sig_as(change: Callable[[str], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {
        **value,
        "signatures": [{**each, "sig": change(each["sig"])} for each in value["signatures"]],
    }


def times(count: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {**value, "signatures": value["signatures"] * count}


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (with_(signatures=[]), Reason.NOT_SIGNED, "without a signature"),
        (with_(signatures=None), Reason.NOT_SIGNED, "without a signature"),
        (with_(signatures={"sig": "AAAA"}), Reason.NOT_SIGNED, "without a signature"),
        (with_(signatures=["AAAA"]), Reason.WRONG_FIELD, "no object"),
        (sig_as(lambda sig: ""), Reason.WRONG_FIELD, "sig is missing"),
        (sig_as(lambda sig: None), Reason.WRONG_FIELD, "sig is missing"),
        (sig_as(lambda sig: sig + "\n"), Reason.NOT_BASE64, "a signature"),
        (times(17), Reason.TOO_MANY_SIGNATURES, "17 signatures"),
        (with_(payloadType="text/plain"), Reason.WRONG_PAYLOAD_TYPE, "text/plain"),
        (
            with_(payloadType="application/vnd.in-toto+json "),
            Reason.WRONG_PAYLOAD_TYPE,
            "expected application/vnd.in-toto+json",
        ),
        (with_(payloadType=None), Reason.WRONG_FIELD, "payloadType is missing"),
        (with_(payload=None), Reason.WRONG_FIELD, "payload is missing"),
        (payload_as(lambda text: text.rstrip("=")), Reason.NOT_BASE64, "payload"),
        (payload_as(loose), Reason.NOT_BASE64, "another base64 text"),
        (payload_as(lambda text: text[:8] + "\n" + text[8:]), Reason.NOT_BASE64, "payload"),
        (payload_as(lambda text: "-_" + text[2:] + "+/"), Reason.NOT_BASE64, "payload"),
        (with_(Payload="AAAA"), Reason.DUPLICATE_KEY, "'Payload'"),
    ],
)
def test_an_envelope_that_was_changed(
    image: SignedImage, change: Any, reason: Reason, words: str
) -> None:
    refused(image, reason, words, payload=padded, envelope=change)


def test_an_envelope_whose_type_was_signed_as_another(image: SignedImage) -> None:
    refused(image, Reason.WRONG_PAYLOAD_TYPE, "application/json", payload_type="application/json")


def envelope_twice(value: dict[str, Any]) -> bytes:
    inner = json.dumps(value["dsseEnvelope"])
    return json.dumps(value).encode()[:-1] + f', "dsseEnvelope": {inner}}}'.encode()


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (
            with_(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
            Reason.WRONG_BUNDLE,
            "version=0.1",
        ),
        (with_(mediaType="application/json"), Reason.WRONG_BUNDLE, "application/json"),
        (with_(mediaType=None), Reason.WRONG_FIELD, "mediaType is missing"),
        (with_(messageSignature={"signature": "AAAA"}), Reason.WRONG_BUNDLE, "over bytes"),
        (with_(dsseEnvelope=None), Reason.WRONG_FIELD, "dsseEnvelope is missing"),
        (with_(dsseEnvelope=[]), Reason.WRONG_FIELD, "dsseEnvelope is missing"),
        (with_(verificationMaterial=None), Reason.WRONG_FIELD, "verificationMaterial"),
        (envelope_twice, Reason.DUPLICATE_KEY, "'dsseEnvelope'"),
        (lambda value: json.dumps(value["dsseEnvelope"]).encode(), Reason.WRONG_FIELD, "mediaType"),
        (lambda value: base64.b64encode(json.dumps(value).encode()), Reason.NOT_JSON, "not JSON"),
        (lambda value: b"", Reason.NOT_JSON, "not JSON"),
        (lambda value: b"\x00" * 64, Reason.NOT_JSON, "not JSON"),
    ],
)
def test_a_bundle_that_was_changed(
    image: SignedImage, change: Any, reason: Reason, words: str
) -> None:
    refused(image, reason, words, bundle=change)


# -- the referrer's manifest ----------------------------------------------------------------------


def two_layers(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "layers": value["layers"] * 2}


def layer_with(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {**value, "layers": [{**value["layers"][0], **fields}]}


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (two_layers, Reason.WRONG_MANIFEST, "2 layers"),
        (with_(layers=[]), Reason.WRONG_MANIFEST, "0 layers"),
        (layer_with(mediaType="application/json"), Reason.WRONG_MANIFEST, "not of one bundle"),
        (layer_with(digest=f"sha256:{OTHER}"), Reason.UNREADABLE, "no blob"),
        (layer_with(size=limits.MAX_BUNDLE + 1), Reason.TOO_LARGE, "at most"),
        (
            with_(annotations={"in-toto.io/predicate-type": SIGNATURE}),
            Reason.WRONG_TYPE,
            "listed as",
        ),
        (
            with_(
                annotations={
                    "in-toto.io/predicate-type": VEX,
                    "dev.sigstore.bundle.predicateType": SIGNATURE,
                }
            ),
            Reason.WRONG_TYPE,
            "listed as",
        ),
    ],
)
def test_a_referrer_that_is_not_what_it_should_be(
    image: SignedImage, change: Any, reason: Reason, words: str
) -> None:
    refused(image, reason, words, manifest=change)


def test_a_good_statement_of_the_other_platform_that_is_listed_for_this(
    image: SignedImage,
) -> None:
    here, there = image.manifests
    said = said_about(there, VEX, PREDICATE)
    refused(image, Reason.WRONG_SUBJECT, there.digest, statement=lambda value: said)
    assert here.digest != there.digest


def test_a_list_that_names_the_referrer_of_another_image(image: SignedImage) -> None:
    here, there = image.manifests
    image.attach(there, VEX, PREDICATE)
    place = image.place()
    elsewhere = place.referrers(there.digest)
    own = place.referrers(here.digest)

    class Lying:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            return [*own, *elsewhere] if digest == here.digest else place.referrers(digest)

    found = limits.collect(Lying(), place.root(), image.trust()).images[0]
    assert {each.reason for each in found.refused} == {Reason.OTHER_IMAGE}
    assert len(found.refused) == 2
    assert there.digest in found.refused[0].message


def test_a_list_whose_referrer_is_not_there(image: SignedImage) -> None:
    place = image.place()
    gone = replace(image.manifests[0], digest="sha256:" + OTHER)

    class Lying:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            return [*place.referrers(digest), gone]

    found = limits.collect(Lying(), place.root(), image.trust()).root
    assert [each.reason for each in found.refused] == [Reason.UNREADABLE]


def test_ten_thousand_referrers_are_said_and_none_of_them_is_read(image: SignedImage) -> None:
    place = image.place()
    many = [replace(image.manifests[0], digest=f"sha256:{number:064x}") for number in range(10_000)]

    class Flooded:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            return [*place.referrers(digest), *many]

    found = limits.collect(Flooded(), place.root(), image.trust()).root
    assert found.statements == ()
    (said,) = found.refused
    assert said.reason is Reason.TOO_MANY
    assert "10001 manifests refer to it; at most 1000 are read" in said.message


def test_bundles_that_are_too_large_together(
    image: SignedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.place().referrers(image.root.digest)
    size = image.layout.document(first[0].digest).layers[0].size
    monkeypatch.setattr(limits, "MAX_TOGETHER", size + 10)
    image.attach(image.root, VEX, PREDICATE)
    found = image.collect().root
    assert [each.reason for each in found.refused] == [Reason.TOO_LARGE]


def test_a_predicate_of_many_megabytes_is_refused_by_its_size_alone(image: SignedImage) -> None:
    (found,) = attacked(image, manifest=layer_with(size=1 << 40))
    assert found.reason is Reason.TOO_LARGE
    assert str(1 << 40) in found.message
