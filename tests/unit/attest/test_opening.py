"""Bundles, envelopes and statements are opened; the bytes inside stay what they were."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.fakes.attached import BUNDLE, IN_TOTO, OPENVEX, bundle, envelope, statement

from ironhull.attest.bundle import parse_bundle
from ironhull.attest.envelope import MAX_SIGNATURES, parse_envelope
from ironhull.attest.opened import Opened
from ironhull.attest.opening import open_attachment
from ironhull.attest.statement import MAX_SUBJECTS, Subject, parse_statement
from ironhull.errors import MalformedError

PREDICATE = {"a": 1, "b": ["x", None]}


def opened(value: object) -> Opened:
    return open_attachment(json.dumps(value).encode(), "test")


@pytest.mark.parametrize("wrap", [lambda said: said, envelope, bundle])
def test_a_statement_is_found_in_whatever_it_is_wrapped(wrap: Any) -> None:
    found = opened(wrap(statement(OPENVEX, PREDICATE)))
    assert found.predicate_type == OPENVEX
    assert json.loads(found.document) == PREDICATE


def test_a_predicate_keeps_its_bytes_spaces_order_and_numbers_too() -> None:
    predicate = b'{ "z" : 1.50,\t"a":[ ] , "z":"\\u0061"}'
    data = b'{"predicateType": "t", "predicate": ' + predicate + b"}"
    assert open_attachment(data, "test").document == predicate
    assert opened(envelope(data)).document == predicate


def test_a_plain_document_is_given_back_as_it_is() -> None:
    data = b'{ "bomFormat": "CycloneDX" }'
    assert open_attachment(data, "test") == Opened(data)


def test_a_payload_that_is_no_statement_is_what_is_inside() -> None:
    assert json.loads(opened(envelope({"x": 1})).document) == {"x": 1}


@pytest.mark.parametrize(
    "value",
    [
        {"predicate": "a text", "predicateType": "t"},
        {"predicate": {}},
        {"payload": 3, "payloadType": "x"},
        {"payload": "e30="},
        {"dsseEnvelope": "none"},
        {"messageSignature": {"signature": "e30="}},
    ],
)
def test_what_only_looks_like_a_wrapping_is_a_document(value: dict[str, Any]) -> None:
    assert json.loads(opened(value).document) == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "expected a JSON object, got list"),
        (b"[" * 100_000, "not JSON"),
        (b'{"payload": "@@", "payloadType": "x"}', "payload is not base64"),
        (b'{"payload": "+_==", "payloadType": "x"}', "payload is not base64"),
        (b'{"payload": "W10=", "payloadType": "x"}', "expected a JSON object"),
        (b'{"payload": "e30=", "payloadType": 5}', "payloadType is not a text"),
        (b'{"payload": "e30=", "payloadType": "x", "signatures": 5}', "signatures is not a list"),
        (b'{"payload": "e30=", "payloadType": "x", "signatures": [{"sig": "?"}]}', "a signature"),
        (b'{"dsseEnvelope": {"payload": 5}}', "payload is not a text"),
        (b'{"predicate": {}, "predicateType": 5}', "predicateType is not a text"),
        (b'{"predicate": {}, "predicateType": "t", "subject": {}}', "subject is not a list"),
        (
            b'{"predicate": {}, "predicateType": "t", "subject": [{"digest": {"sha256": 1}}]}',
            "digests of a subject",
        ),
    ],
)
def test_damaged_wrappings_are_said_with_their_place(data: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=f"^test: .*{words}"):
        open_attachment(data, "test")


def test_an_envelope_has_its_payload_as_it_was_signed_and_its_signatures() -> None:
    value = envelope(b'{ "x": 1 }') | {
        "signatures": [{"keyid": "k", "sig": "AAEC"}, {"sig": base64.b64encode(b"z").decode()}]
    }
    found = parse_envelope(value, "test")
    assert (found.payload_type, found.payload) == (IN_TOTO, b'{ "x": 1 }')
    assert [(each.keyid, each.sig) for each in found.signatures] == [
        ("k", b"\x00\x01\x02"),
        ("", b"z"),
    ]


def test_both_alphabets_of_base64_are_read() -> None:
    data = b"\xfb\xff\xfe{}"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        value = {"payloadType": "x", "payload": encode(data).decode()}
        assert parse_envelope(value, "test").payload == data


def test_signatures_and_subjects_are_bounded() -> None:
    many = envelope({}) | {"signatures": [{"sig": ""}] * (MAX_SIGNATURES + 1)}
    with pytest.raises(MalformedError, match="101 signatures"):
        parse_envelope(many, "test")
    crowd = statement("t", {}) | {"subject": [{}] * (MAX_SUBJECTS + 1)}
    with pytest.raises(MalformedError, match="about 100001 artifacts"):
        parse_statement(json.dumps(crowd).encode(), "test")


def test_a_bundle_keeps_what_it_is_verified_with() -> None:
    found = parse_bundle(bundle(statement("t", {})), "test")
    assert found.media_type == BUNDLE
    assert found.material == {"publicKey": {"hint": "a key"}}


def test_a_statement_says_what_it_is_about() -> None:
    found = parse_statement(json.dumps(statement("t", {})).encode(), "test")
    assert found.type == "https://in-toto.io/Statement/v1"
    assert found.subjects == (Subject("app", {"sha256": "ab" * 32}),)
    with pytest.raises(MalformedError, match="without a predicate"):
        parse_statement(b'{"predicateType": "t"}', "test")
