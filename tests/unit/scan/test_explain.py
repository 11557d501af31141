"""`explain`: the package, the versions, the feed's line, the date, VEX, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.find import excerpt
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options, osv

from ironhull.advisories.database import Database
from ironhull.inventory.model import Package
from ironhull.scan.explain import Explanation, explain
from ironhull.scan.matching import scan
from ironhull.scan.target import target_of


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("tracker") / "advisories.sqlite"
    return fake.database(path, debian_annotations=excerpt("tracker-annotations"))


def explained(database: Database, identifier: str, *packages: Package) -> Explanation:
    image = inventory(*packages)
    result = scan(image, database, options())
    target = target_of(image, database.ecosystems)
    return explain(identifier, image, result, database, target)


def test_a_finding_is_explained_with_the_dsas_own_line(tracker: Database) -> None:
    package = deb("libssl3", "3.0.20-1~deb12u1", "openssl")
    answer = explained(tracker, "CVE-2026-34180", package)
    [one] = answer.packages
    assert one.answer == "vulnerable"
    assert "3.0.20-1~deb12u1 is earlier than 3.0.20-1~deb12u2" in one.why
    assert one.advice == "update openssl to 3.0.20-1~deb12u2"
    first = answer.lines[0]
    assert first.text == "DSA-6335-1: [bookworm] - openssl 3.0.20-1~deb12u2"
    assert first.date == "2026-06-09T00:00:00Z"
    assert "is reported for libssl3" in answer.conclusion


def test_what_is_fixed_is_explained_by_the_fix(tracker: Database) -> None:
    answer = explained(tracker, "CVE-2026-34180", deb("openssl", "3.0.20-1~deb12u2"))
    assert answer.packages[0].answer == "not vulnerable"
    assert "is not earlier than 3.0.20-1~deb12u2, the fix" in answer.packages[0].why


def test_what_is_not_affected_is_explained_by_debians_reason(tracker: Database) -> None:
    answer = explained(tracker, "CVE-2024-3094", deb("liblzma5", "5.4.1-0.2", "xz-utils"))
    assert "Vulnerable code not present" in answer.packages[0].why


def test_a_cleared_finding_names_the_evidence(tracker: Database) -> None:
    answer = explained(tracker, "CVE-2023-45853", deb("zlib1g", "1:1.2.13.dfsg-1", "zlib"))
    assert "minizip not built" in answer.packages[0].advice


def test_an_entry_with_notes_alone_is_unknown_not_absent(tracker: Database) -> None:
    answer = explained(tracker, "CVE-2025-45582", deb("tar", "1.34+dfsg-1.2"))
    assert "unknown" in answer.conclusion
    assert answer.notes[0].startswith("Disputed tar issue")


def test_a_package_that_is_not_installed_and_a_name_nobody_knows(tracker: Database) -> None:
    answer = explained(tracker, "CVE-2024-3094", deb("tar", "1.34+dfsg-1.2"))
    assert "none of its packages is installed (xz-utils)" in answer.conclusion
    nobody = explained(tracker, "CVE-1999-99999", deb("tar", "1.34+dfsg-1.2"))
    assert "in no feed" in nobody.conclusion


def test_a_language_package_of_a_distribution_package_says_so(tmp_path: Path) -> None:
    record = osv("GHSA-aaaa-bbbb-cccc", "requests", {"PyPI": "2.31.0"}, aliases=["CVE-2023-32681"])
    database = fake.database(
        tmp_path / "a.sqlite",
        osv_pypi=fake.write_records(tmp_path / "pypi", [record]),
        osv_debian=fake.write_records(
            tmp_path / "deb", [osv("CVE-2024-0001", "bash", {"Debian:12": "1-1"})]
        ),
    )
    owned = Package("requests", "2.28.1", "pypi", "/usr/lib/x", owned_by="python3-requests")
    free = Package("requests", "2.28.1", "pypi", "/usr/local/x")
    answer = explained(database, "CVE-2023-32681", deb("bash", "5"), owned, free)
    assert {each.package.location: each.answer for each in answer.packages} == {
        "/usr/lib/x": "not vulnerable",
        "/usr/local/x": "vulnerable",
    }
    assert "GHSA-aaaa-bbbb-cccc" in answer.aliases


def test_advice_names_the_releases_that_have_a_fix(tmp_path: Path) -> None:
    fixes = {"Debian:12": None, "Debian:13": "2-1", "Debian:14": "3-1"}
    record = osv("CVE-2024-0001", "app", fixes)
    database = fake.database(
        tmp_path / "a.sqlite", osv_debian=fake.write_records(tmp_path / "deb", [record])
    )
    [one] = explained(database, "CVE-2024-0001", deb("app", "1-1")).packages
    assert one.advice == (
        "watch it: this release has no fix yet (fixed by 2-1 in debian 13, 3-1 in debian 14)"
    )
