"""VEX: three formats, every form of a purl, the newest word, and honesty."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options, osv

from ironhull.advisories.database import Database
from ironhull.errors import InputError, MalformedError
from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult
from ironhull.scan.reports import openvex as openvex_report
from ironhull.scan.vex.apply import Subject, apply_vex
from ironhull.scan.vex.lint import lint
from ironhull.scan.vex.model import VexDocument
from ironhull.scan.vex.purl import matches_image, matches_package, parse_purl
from ironhull.scan.vex.reading import parse_vex, read_vex
from ironhull.scan.vex.writing import document, not_affected, statements_of
from ironhull.scan.view import View

DIGEST = "sha256:" + "ab" * 32
SUBJECT = Subject("localhost:5000/shop/app:1.0", frozenset({DIGEST}), "debian-12")
OPENSSL = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12"


@pytest.fixture
def result(tmp_path: Path) -> ScanResult:
    records = [
        osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1~deb12u1"}, aliases=["GHSA-x"]),
        osv("CVE-2024-0002", "openssl", {"Debian:12": None}),
        osv("CVE-2024-0003", "vim", {"Debian:12": None}),
    ]
    database = fake.database(
        tmp_path / "a.sqlite", osv_debian=fake.write_records(tmp_path / "osv", records)
    )
    packages = (
        deb("libssl3", "3.0.11-1~deb12u1", "openssl"),
        deb("vim", "2:9.0.1378-2"),
    )
    return scan(inventory(*packages), database, options())


def openvex(*statements: dict[str, Any], **more: Any) -> VexDocument:
    value = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "Jane",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": list(statements),
        **more,
    }
    return parse_vex(json.dumps(value).encode(), "test.json")


def said(
    name: str = "CVE-2024-0001",
    product: str = OPENSSL,
    status: str = "not_affected",
    parts: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    subject: dict[str, Any] = {"@id": product}
    if parts:
        subject["subcomponents"] = [{"@id": part} for part in parts]
    extra = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    return {
        "vulnerability": {"name": name},
        "products": [subject],
        "status": status,
        **extra,
        **more,
    }


def applied(result: ScanResult, *documents: VexDocument) -> dict[str, str]:
    after = apply_vex(result, documents, SUBJECT, {"CVE-2024-0001": ["GHSA-x"]})
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
        assert matches_package(parse_purl(text), vim, "debian-12")


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
    assert matches_image(product, SUBJECT.name, SUBJECT.digests) is matches
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
    after = apply_vex(result, [openvex(said())], SUBJECT, {})
    assert (len(after.findings), len(after.open)) == (3, 2)


def test_a_document_that_fits_nothing_is_said(result: ScanResult) -> None:
    after = apply_vex(result, [openvex(said(product="pkg:deb/debian/x@1"))], SUBJECT, {})
    assert [caveat.kind for caveat in after.warnings if caveat.kind == "vex"] == ["vex"]


def csaf(status: dict[str, list[str]], **more: Any) -> bytes:
    tree = {
        "branches": [
            {
                "category": "vendor",
                "name": "V",
                "branches": [
                    {
                        "category": "product_version",
                        "name": "image",
                        "product": {
                            "product_id": "IMAGE",
                            "name": "image",
                            "product_identification_helper": {"purl": f"pkg:oci/app@{DIGEST}"},
                        },
                    }
                ],
            }
        ],
        "full_product_names": [
            {
                "product_id": "SSL",
                "name": "libssl3",
                "product_identification_helper": {"purl": OPENSSL},
            }
        ],
        "relationships": [
            {
                "category": "installed_on",
                "product_reference": "SSL",
                "relates_to_product_reference": "IMAGE",
                "full_product_name": {"product_id": "SSL-IN-IMAGE", "name": "both"},
            }
        ],
        "product_groups": [{"group_id": "G", "product_ids": ["SSL-IN-IMAGE"]}],
    }
    value = {
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "publisher": {"name": "Vendor"},
            "tracking": {"id": "V-1", "current_release_date": "2026-01-01T00:00:00Z"},
        },
        "product_tree": tree,
        "vulnerabilities": [{"cve": "CVE-2024-0001", "product_status": status, **more}],
    }
    return json.dumps(value).encode()


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


def test_csaf_about_an_unknown_product_is_malformed() -> None:
    with pytest.raises(MalformedError, match="unknown product 'NOWHERE'"):
        parse_vex(csaf({"fixed": ["NOWHERE"]}), "csaf.json")


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
                    "detail": "not called",
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


def rules(*statements: dict[str, Any], **more: Any) -> set[str]:
    return {found.rule for found in lint(openvex(*statements, **more))}


GOOD = said(
    product=f"pkg:oci/app@{DIGEST}",
    parts=(OPENSSL,),
    impact_statement="minizip is not built, see https://example.org/evidence",
)


def test_an_honest_statement_passes() -> None:
    assert lint(openvex(GOOD)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "Marked no-dsa by Debian Security Team; see <https://example.org/CVE-2024-0001>",
            "no-dsa",
        ),
        ("postponed", "no-dsa"),
        ("Minor issue (no-dsa)", "no-dsa"),
        ("fixed in 3.5.4 upstream", "fixed-in"),
        ("Patched in a later version", "fixed-in"),
        ("An attacker cannot reach it", "evidence"),
        ("", "evidence"),
    ],
)
def test_not_affected_without_ground_is_found(text: str, rule: str) -> None:
    statement = GOOD | {
        "impact_statement": text,
        "justification": "vulnerable_code_cannot_be_controlled_by_adversary",
    }
    assert rule in rules(statement)


def test_no_dsa_beside_real_evidence_is_allowed() -> None:
    text = "no-dsa; and the parser is not built, see https://example.org/evidence"
    assert rules(GOOD | {"impact_statement": text}) == set()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (GOOD | {"products": [{"@id": "pkg:oci/app"}]}, "unversioned"),
        (GOOD | {"products": [{"@id": f"pkg:oci/app@{DIGEST}"}]}, "whole-image"),
        (GOOD | {"products": [{"@id": "pkg:deb/debian/libssl3?distro=debian-12"}]}, "unversioned"),
        (GOOD | {"products": [{"@id": "pkg:deb/debian/libssl3@1"}]}, "distro"),
        (GOOD | {"products": [{"@id": "pkg:deb/libssl3@1?distro=debian-12"}]}, "purl"),
        (GOOD | {"products": [{"@id": "pkg:nothing"}]}, "purl"),
        (GOOD | {"products": [{"@id": "our image"}]}, "product"),
        (GOOD | {"products": []}, "product"),
        (GOOD | {"vulnerability": {"name": "the openssl thing"}}, "identifier"),
        (GOOD | {"justification": "trust_us"}, "justification"),
        (said(status="affected"), "action"),
        (said(status="fixed", product=DIGEST, parts=(OPENSSL,)), "noise"),
    ],
)
def test_what_hides_or_does_not_match_is_found(statement: dict[str, Any], rule: str) -> None:
    assert rule in rules(statement)


def test_an_author_and_a_date_are_needed() -> None:
    assert {"author", "timestamp"} <= rules(GOOD, author="", timestamp="")


def test_what_we_write_passes_our_own_checks_and_gives_the_same_counts(
    result: ScanResult, tmp_path: Path
) -> None:
    text = openvex_report.render(result, View())
    read = parse_vex(text.encode(), "own.json")
    assert [found for found in lint(read) if found.level == "error"] == []
    subject = Subject(result.image, frozenset({result.digest}), "debian-12")
    after = apply_vex(result, [read], subject, {})
    assert len(after.open) == len(result.open)
    assert all(finding.vex is not None for finding in after.findings)


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("tracker") / "advisories.sqlite"
    return fake.database(path, debian_annotations=fake.shared("tracker-annotations"))


@pytest.mark.parametrize(
    ("source", "identifier", "status", "words"),
    [
        ("xz-utils", "CVE-2024-3094", "not_affected", "Vulnerable code not present"),
        ("zlib", "CVE-2023-45853", "not_affected", "minizip not built"),
        ("minizip", "CVE-2023-45853", "affected", "point release"),
        ("libxmltok", "CVE-2023-52425", "affected", "no fix"),
        ("perl", "CVE-2022-48522", "affected", "Negligible"),
        ("openssl", "CVE-2026-34180", "affected", "Update openssl to 3.0.20-1~deb12u2"),
        ("dnsdist", "CVE-2026-0396", "affected", "plans no fix"),
    ],
)
def test_statements_follow_the_table_and_carry_evidence(
    tracker: Database, source: str, identifier: str, status: str, words: str
) -> None:
    image = inventory(deb(source, "1.0-1"))
    result = scan(image, tracker, options())
    said_of = statements_of(result, result.findings) + not_affected(image, result, tracker)
    value = json.loads(document(result, said_of))
    found = next(s for s in value["statements"] if s["vulnerability"]["name"] == identifier)
    assert found["status"] == status
    text = found.get("impact_statement", "") + found.get("action_statement", "")
    assert words in text
    assert "debian-annotations" in found["status_notes"]
    assert found["products"][0]["@id"].startswith(f"pkg:deb/debian/{source}@1.0-1")


def test_no_statement_rests_on_no_dsa_alone(tracker: Database) -> None:
    packages = [deb(claim.package, "0.1") for claim in tracker.all_claims("debian")]
    result = scan(
        inventory(*{package.name: package for package in packages}.values()), tracker, options()
    )
    read = parse_vex(openvex_report.render(result, View()).encode(), "own.json")
    assert len(read.statements) > 80
    assert [found for found in lint(read) if found.level == "error"] == []
    states = {finding.id: finding.state for finding in result.findings if finding.suppressed}
    assert "no-dsa" not in states.values()
