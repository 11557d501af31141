"""VEX on findings: three formats, every form of a purl, the newest word."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.fakes.vex import DIGEST, OPENSSL, csaf, openvex, said

from ironhull.scan.about import ImageProduct
from ironhull.scan.model import ScanResult
from ironhull.scan.triage import apply_vex
from ironhull.vex.model import VexDocument
from ironhull.vex.purl import Surroundings, matches_image, matches_package, parse_purl
from ironhull.vex.reading import parse_vex

PLACE = Surroundings("debian-12", "amd64")
IMAGE = ImageProduct("localhost:5000/shop/app:1.0", frozenset({DIGEST}), PLACE)


def applied(result: ScanResult, *documents: VexDocument) -> dict[str, str]:
    after = apply_vex(result, documents, IMAGE, {"CVE-2024-0001": ["GHSA-x"]})
    return {f.id: f.vex.status for f in after.findings if f.vex is not None}


@pytest.mark.parametrize(
    "purl",
    [
        OPENSSL,
        "pkg:deb/debian/libssl3@3.0.11-1%7Edeb12u1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?distro=bookworm",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?distro=debian-12.5&upstream=openssl",
        "pkg:deb/Debian/libssl3@0:3.0.11-1~deb12u1",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?epoch=0",
        "pkg:deb/debian/libssl3",
        "pkg:deb/debian/openssl@3.0.11-1~deb12u1?arch=source",
        "pkg:deb/debian/openssl?arch=source&distro=debian-12",
        "pkg:deb/debian/openssl@3.0.11-1~deb12u1",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?upstream=openssl%403.0.11-1~deb12u1",
    ],
)
def test_all_forms_of_a_purl_name_the_same_package(result: ScanResult, purl: str) -> None:
    assert applied(result, openvex(said(product=purl))) == {"CVE-2024-0001": "not_affected"}


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?distro=debian-13",
        "pkg:deb/debian/libssl3@3.0.11-1~deb12u2",
        "pkg:deb/ubuntu/libssl3@3.0.11-1~deb12u1",
        "pkg:deb/debian/libssl1.1",
        "pkg:apk/alpine/libssl3@3.0.11-1~deb12u1",
        "pkg:deb/debian/openssl",
        "pkg:deb/debian/libssl3?upstream=libressl",
        "pkg:deb/debian/libssl3@1:3.0.11-1~deb12u1",
        "not a purl",
        "pkg:",
    ],
)
def test_other_packages_are_not_matched(result: ScanResult, purl: str) -> None:
    assert applied(result, openvex(said(product=purl))) == {}


def test_an_epoch_in_the_qualifier_is_part_of_the_version(result: ScanResult) -> None:
    vim = next(finding for finding in result.findings if finding.package == "vim")
    for text in ("pkg:deb/debian/vim@9.0.1378-2?epoch=2", "pkg:deb/debian/vim@2%3A9.0.1378-2"):
        assert matches_package(parse_purl(text), vim, IMAGE.place)


@pytest.mark.parametrize(
    ("product", "matches"),
    [
        (f"pkg:oci/app@{DIGEST.replace(':', '%3A')}", True),
        (f"pkg:oci/app@{DIGEST}?repository_url=localhost:5000/shop/app", True),
        ("pkg:oci/app?repository_url=localhost:5000/shop/app&tag=1.0", True),
        ("pkg:oci/app?repository_url=localhost:5000/other/app", False),
        ("pkg:oci/app?tag=2.0", False),
        ("pkg:docker/shop/app@1.0", True),
        ("pkg:oci/app@sha256%3A" + "cd" * 32, False),
        ("localhost:5000/shop/app:1.0", True),
        (f"localhost:5000/shop/app@{DIGEST}", True),
        (DIGEST, True),
        ("localhost:5000/shop/web:1.0", False),
    ],
)
def test_products_that_are_images(result: ScanResult, product: str, matches: bool) -> None:
    assert matches_image(product, IMAGE.name, IMAGE.digests, IMAGE.place) is matches
    got = applied(result, openvex(said(product=product, parts=(OPENSSL,))))
    assert got == ({"CVE-2024-0001": "not_affected"} if matches else {})


def test_subcomponents_limit_a_statement_about_the_image(result: ScanResult) -> None:
    other = openvex(said(product=DIGEST, parts=("pkg:deb/debian/curl@1",)))
    assert applied(result, other) == {}


def test_the_newest_word_counts_and_of_one_moment_the_least_hopeful(result: ScanResult) -> None:
    older = openvex(said(status="affected", action_statement="wait"))
    newer = openvex(said(timestamp="2026-02-01T00:00:00Z"))
    assert applied(result, older, newer) == {"CVE-2024-0001": "not_affected"}
    assert applied(result, newer, older) == {"CVE-2024-0001": "not_affected"}
    same = openvex(said(), said(status="under_investigation"))
    assert applied(result, same) == {"CVE-2024-0001": "under_investigation"}


def test_a_statement_under_an_alias_is_found(result: ScanResult) -> None:
    assert applied(result, openvex(said("GHSA-x"))) == {"CVE-2024-0001": "not_affected"}


def test_counts_stay_raw_and_after_vex(result: ScanResult) -> None:
    after = apply_vex(result, [openvex(said())], IMAGE, {})
    assert (len(after.findings), len(after.open)) == (3, 2)


def test_a_document_that_fits_nothing_is_said(result: ScanResult) -> None:
    after = apply_vex(result, [openvex(said(product="pkg:deb/debian/x@1"))], IMAGE, {})
    assert [caveat.kind for caveat in after.warnings if caveat.kind == "vex"] == ["vex"]


def test_csaf_is_read_with_relationships_flags_and_groups(result: ScanResult) -> None:
    data = csaf(
        {"known_not_affected": ["SSL-IN-IMAGE"]},
        flags=[{"label": "component_not_present", "group_ids": ["G"]}],
        threats=[{"category": "impact", "details": "not there", "product_ids": ["SSL-IN-IMAGE"]}],
    )
    read = parse_vex(data, "csaf.json")
    statement = read.statements[0]
    assert (read.format, read.author) == ("CSAF", "Vendor")
    assert (statement.justification, statement.impact) == ("component_not_present", "not there")
    assert applied(result, read) == {"CVE-2024-0001": "not_affected"}


def test_cyclonedx_is_read_with_references_and_bom_links(result: ScanResult) -> None:
    value = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": "2026-01-01T00:00:00Z",
            "supplier": {"name": "Vendor"},
            "component": {"bom-ref": "root", "purl": f"pkg:oci/app@{DIGEST}"},
        },
        "components": [{"bom-ref": "ssl", "purl": OPENSSL}],
        "vulnerabilities": [
            {
                "id": "CVE-2024-0001",
                "analysis": {
                    "state": "not_affected",
                    "justification": "code_not_reachable",
                    "detail": "not called, see https://example.org/calls",
                },
                "affects": [{"ref": "ssl"}],
            },
            {
                "id": "CVE-2024-0002",
                "analysis": {"state": "exploitable", "response": ["update"]},
                "affects": [{"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#ssl"}],
            },
            {"id": "CVE-2024-0003", "affects": [{"ref": "ssl"}]},
        ],
    }
    read = parse_vex(json.dumps(value).encode(), "bom.json")
    assert read.statements[0].justification == "vulnerable_code_not_in_execute_path"
    assert applied(result, read) == {
        "CVE-2024-0001": "not_affected",
        "CVE-2024-0002": "affected",
    }


@pytest.mark.parametrize(
    ("qualifiers", "matches"),
    [
        ("os_name=debian&os_version=12", True),
        ("os_name=debian&os_version=12.5&os_distro=bookworm&arch=amd64", True),
        ("os_distro=bookworm", True),
        ("arch=x86_64", True),
        ("os_version=13", False),
        ("os_distro=trixie", False),
        ("os_name=ubuntu", False),
        ("os_name=debian&os_version=12&arch=arm64", False),
        ("distro=debian-12&os_version=13", False),
    ],
)
def test_qualifiers_of_a_product_restrict_it(
    result: ScanResult, qualifiers: str, matches: bool
) -> None:
    purl = f"pkg:deb/debian/libssl3@3.0.11-1~deb12u1?{qualifiers}"
    expected = {"CVE-2024-0001": "not_affected"} if matches else {}
    assert applied(result, openvex(said(product=purl))) == expected


def test_a_statement_for_another_architecture_of_the_image_is_not_for_this_one() -> None:
    arm = Surroundings("debian-12", "arm64")
    purl = f"pkg:oci/app@{DIGEST}?arch=amd64"
    assert matches_image(purl, IMAGE.name, IMAGE.digests, PLACE)
    assert not matches_image(purl, IMAGE.name, IMAGE.digests, arm)
    assert not matches_image(purl, IMAGE.name, IMAGE.digests, Surroundings("debian-12"))


def test_every_name_of_a_vulnerability_finds_its_statement(result: ScanResult) -> None:
    for aliases in ({"GHSA-x": ["CVE-2024-0001"]}, {"CVE-2024-0001": ["GHSA-x"]}):
        after = apply_vex(result, [openvex(said("GHSA-x"))], IMAGE, aliases)
        assert [f.id for f in after.findings if f.vex is not None] == ["CVE-2024-0001"]
    renamed = tuple(replace(each, advisory="DSA-1-1") for each in result.findings)
    after = apply_vex(replace(result, findings=renamed), [openvex(said("DSA-1-1"))], IMAGE, {})
    assert len([f for f in after.findings if f.vex is not None]) == 2


def test_an_advisory_does_not_lead_from_one_vulnerability_to_another(result: ScanResult) -> None:
    renamed = tuple(replace(each, advisory="DSA-1-1") for each in result.findings)
    aliases = {"DSA-1-1": ["CVE-2024-0001", "CVE-2024-0003"]}
    document = openvex(said("CVE-2024-0003", product="pkg:deb/debian/libssl3"))
    after = apply_vex(replace(result, findings=renamed), [document], IMAGE, aliases)
    assert [f.id for f in after.findings if f.vex is not None] == []


def test_what_contradicts_the_feed_is_shown_and_clears_nothing(result: ScanResult) -> None:
    fixed = said(status="fixed", product="pkg:deb/debian/libssl3@3.0.11-1~deb12u1")
    after = apply_vex(result, [openvex(fixed)], IMAGE, {})
    found = next(f for f in after.findings if f.id == "CVE-2024-0001")
    assert found.vex is not None
    assert found.vex.status == "fixed"
    assert "3.0.14-1~deb12u1 as the fix" in found.vex.contradicts
    assert not found.suppressed
    assert any(
        "feed contradicts 1 statement, and it" in caveat.message for caveat in after.warnings
    )
    # Where the feed knows no fix there is nothing to contradict.
    other = said("CVE-2024-0002", status="fixed", product="pkg:deb/debian/libssl3")
    (open_before, open_after) = (
        {f.id for f in got.open} for got in (result, apply_vex(result, [openvex(other)], IMAGE, {}))
    )
    assert open_before - open_after == {"CVE-2024-0002"}


def test_under_investigation_counts_as_affected(result: ScanResult) -> None:
    after = apply_vex(result, [openvex(said(status="under_investigation"))], IMAGE, {})
    assert len(after.open) == 3


def test_what_the_linter_rejects_is_not_applied_and_counted(result: ScanResult) -> None:
    bad = said(impact_statement="no-dsa")
    after = apply_vex(result, [openvex(bad, said("CVE-2024-0002"))], IMAGE, {})
    assert {f.id for f in after.findings if f.suppressed} == {"CVE-2024-0002"}
    assert [c.message for c in after.warnings if c.kind == "vex"] == [
        "not applied, failing the linter: 1 of 2 statements: no-dsa 1"
    ]
    after = apply_vex(result, [openvex(bad)], IMAGE, {}, unchecked=True)
    assert {f.id for f in after.findings if f.suppressed} == {"CVE-2024-0001"}
    assert "applied all the same, unchecked" in after.warnings[-1].message
