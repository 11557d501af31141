"""What we write as VEX follows the table, carries evidence and passes our own checks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.data.find import excerpt
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options

from ironhull.advisories.database import Database
from ironhull.scan.about import ImageProduct
from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult
from ironhull.scan.reports import openvex as openvex_report
from ironhull.scan.statements import not_affected, openvex, statements_of
from ironhull.scan.summary import ScanReport
from ironhull.scan.triage import apply_vex
from ironhull.vex.lint import lint
from ironhull.vex.purl import Surroundings
from ironhull.vex.reading import parse_vex


def test_what_we_write_passes_our_own_checks_and_gives_the_same_counts(
    result: ScanResult, tmp_path: Path
) -> None:
    text = openvex_report.render(ScanReport(result))
    read = parse_vex(text.encode(), "own.json")
    assert [found for found in lint(read) if found.level == "error"] == []
    place = Surroundings("debian-12", "amd64")
    subject = ImageProduct(result.image, frozenset({result.digest}), place)
    after = apply_vex(result, [read], subject, {})
    assert len(after.open) == len(result.open)
    assert all(finding.vex is not None for finding in after.findings)


def test_a_package_without_a_purl_makes_no_statement_about_the_whole_image(
    result: ScanResult,
) -> None:
    digest = "sha256:" + "ab" * 32
    bare = [replace(finding, purl="") for finding in result.findings[:1]]
    named = replace(result, digest=digest)
    value = json.loads(openvex(named, statements_of(named, [*bare, *result.findings[1:]])))
    assert len(value["statements"]) == len(result.findings) - 1
    assert all(each["products"][0]["subcomponents"] for each in value["statements"])


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("tracker") / "advisories.sqlite"
    return fake.database(path, debian_annotations=excerpt("tracker-annotations"))


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
    value = json.loads(openvex(result, said_of))
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
    read = parse_vex(openvex_report.render(ScanReport(result)).encode(), "own.json")
    assert len(read.statements) > 80
    assert [found for found in lint(read) if found.level == "error"] == []
    states = {finding.id: finding.state for finding in result.findings if finding.suppressed}
    assert "no-dsa" not in states.values()


INDEX, MANIFEST = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


def test_an_image_is_named_by_its_index_and_by_the_manifest_of_the_platform(
    result: ScanResult,
) -> None:
    named = replace(result, image="node:20", digest=INDEX, manifest=MANIFEST)
    (product, *_), *_ = (
        each["products"]
        for each in json.loads(openvex(named, statements_of(named, result.findings)))["statements"]
    )
    assert product["@id"] == f"pkg:oci/node@{INDEX.replace(':', '%3A')}"
    assert product["identifiers"] == {"purl": f"pkg:oci/node@{MANIFEST.replace(':', '%3A')}"}
    assert product["hashes"] == {"sha-256": "ab" * 32}


@pytest.mark.parametrize("digest", [INDEX, MANIFEST])
def test_what_we_write_is_found_by_either_digest_and_under_another_name(
    result: ScanResult, digest: str
) -> None:
    named = replace(result, image="node:20", digest=INDEX, manifest=MANIFEST)
    text = openvex(named, statements_of(named, result.findings))
    place = Surroundings("debian-12", "amd64")
    subject = ImageProduct("localhost:5000/other:1", frozenset({digest}), place)
    after = apply_vex(named, [parse_vex(text.encode(), "own.json")], subject, {})
    assert all(finding.vex is not None for finding in after.findings)


def test_an_image_without_an_index_is_named_once(result: ScanResult) -> None:
    named = replace(result, image="node:20", digest=MANIFEST, manifest=MANIFEST)
    text = openvex(named, statements_of(named, result.findings))
    assert "identifiers" not in json.loads(text)["statements"][0]["products"][0]
