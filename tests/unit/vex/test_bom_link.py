"""VEX about the components of a bill: each statement at its component, and at no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.fakes.vex import DIGEST, openvex, said

from ironhull.errors import MalformedError
from ironhull.vex.bom_link import write_bom_vex

SERIAL = "3e671687-395b-41f5-a30f-a58921a69b79"
NOW = "2026-11-28T00:00:00Z"


def bill(*components: tuple[str, str], **more: Any) -> bytes:
    value = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{SERIAL}",
        "version": 1,
        "components": [{"bom-ref": ref, "purl": purl} for ref, purl in components],
    }
    return json.dumps(value | more).encode()


SSL = ("ssl", "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12.5")
ZLIB = ("z/lib", "pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64&distro=debian-12.5")


def written(*statements: dict[str, Any], of: bytes = b"") -> list[tuple[str, str, list[str]]]:
    text = write_bom_vex(openvex(*statements).statements, of or bill(SSL, ZLIB), NOW)
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    return [
        (each["id"], each["analysis"]["state"], [one["ref"] for one in each["affects"]])
        for each in json.loads(text)["vulnerabilities"]
    ]


def about(part: str, **more: Any) -> dict[str, Any]:
    return said(product=f"pkg:oci/app@{DIGEST}", parts=(part,), **more)


def test_a_statement_points_to_the_component_of_the_same_package() -> None:
    part = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64"
    link = f"urn:cdx:{SERIAL}/1#ssl"
    assert written(about(part)) == [("CVE-2024-0001", "not_affected", [link])]
    assert written(said(product=part)) == [("CVE-2024-0001", "not_affected", [link])]


def test_an_epoch_in_the_version_and_one_as_qualifier_are_the_same() -> None:
    link = f"urn:cdx:{SERIAL}/1#z%2Flib"
    for part in ("zlib1g@1%3A1.2.13-1?arch=amd64", "zlib1g@1.2.13-1?arch=amd64&epoch=1"):
        assert written(about(f"pkg:deb/debian/{part}"))[0][2] == [link]


@pytest.mark.parametrize(
    "part",
    [
        "pkg:deb/debian/libssl3@3.0.12-1?arch=amd64",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=arm64",
        "pkg:deb/debian/libssl@3.0.11-1~deb12u1?arch=amd64",
        "pkg:deb/debian/libssl3",
        "ssl",
    ],
)
def test_what_the_bill_has_not_is_left_out(part: str) -> None:
    assert written(about(part)) == []


@pytest.mark.parametrize(
    ("status", "state"),
    [("affected", "exploitable"), ("fixed", "resolved"), ("under_investigation", "in_triage")],
)
def test_each_status_has_its_word(status: str, state: str) -> None:
    part = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64"
    assert written(about(part, status=status, action_statement="update"))[0][1] == state


def test_the_same_again_and_something_else_is_another_document() -> None:
    part = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64"
    one, two = openvex(about(part)).statements, openvex(about(part, status="fixed")).statements
    assert write_bom_vex(one, bill(SSL), NOW) == write_bom_vex(one, bill(SSL), NOW)
    serials = {
        json.loads(write_bom_vex(each, bill(SSL), NOW))["serialNumber"] for each in (one, two)
    }
    assert len(serials) == 2


@pytest.mark.parametrize(
    "value", [b"{}", b"[]", b"no", bill(serialNumber="urn:x"), bill(bomFormat="SPDX")]
)
def test_what_is_no_bill_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedError):
        write_bom_vex((), value, NOW)
