"""VEX is read from three formats and out of envelopes; what is none is said."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from tests.fakes.vex import csaf, said

from ironhull.errors import InputError, MalformedError
from ironhull.vex.reading import parse_vex, read_vex


def test_csaf_about_an_unknown_product_is_malformed() -> None:
    with pytest.raises(MalformedError, match="unknown product 'NOWHERE'"):
        parse_vex(csaf({"fixed": ["NOWHERE"]}), "csaf.json")


def test_a_product_is_one_however_many_identifiers_it_has() -> None:
    product = {
        "@id": "urn:one",
        "identifiers": {"purl": "pkg:oci/one@1"},
        "hashes": {"sha-256": "AB"},
        "subcomponents": [{"@id": "urn:part"}],
    }
    value = {"@context": "https://openvex.dev/ns", "statements": [said() | {"products": [product]}]}
    (statement,) = parse_vex(json.dumps(value).encode(), "x").statements
    (found,) = statement.products
    assert found.identifiers == ("urn:one", "pkg:oci/one@1", "sha256:ab")
    assert found.subcomponents == ("urn:part",)


def test_an_envelope_with_an_in_toto_statement_is_opened() -> None:
    inner = json.loads(json.dumps({"@context": "https://openvex.dev/ns", "statements": [said()]}))
    statement = {"predicateType": "https://openvex.dev/ns/v0.2.0", "predicate": inner}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json"}
    for value in (statement, envelope, {"dsseEnvelope": envelope}):
        assert len(parse_vex(json.dumps(value).encode(), "x").statements) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"@context": "https://openvex.dev/ns"}',
        b'{"@context": "https://openvex.dev/ns", "statements": [5]}',
        b'{"@context": "https://openvex.dev/ns", "statements": [{"status": "fine"}]}',
        b'{"@context": "https://openvex.dev/ns", "statements": [{"status": "fixed"}]}',
        b'{"@context": "x openvex", "statements": [{"status": "fixed", "vulnerability": 5}]}',
        b'{"bomFormat": "CycloneDX", "vulnerabilities": {}}',
        b'{"bomFormat": "CycloneDX", "vulnerabilities": [{"analysis": {"state": "odd"}}]}',
        b'{"document": {"csaf_version": "2.0"}, "vulnerabilities": [{}]}',
        b'{"payload": "@@", "payloadType": "x"}',
    ],
)
def test_what_is_no_vex_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_vex(data, "test.json")


def test_a_folder_without_documents_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without VEX documents"):
        list(read_vex(tmp_path))


def test_a_byte_order_mark_before_a_document_is_none_of_it() -> None:
    value = {"@context": "https://openvex.dev/ns", "statements": [said()]}
    data = b"\xef\xbb\xbf" + json.dumps(value).encode()
    assert len(parse_vex(data, "x").statements) == 1
