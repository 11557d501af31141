"""Alpine, language packages and Node.js: who is affected, and which version fixes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.find import excerpt
from tests.fakes import advisories as fake
from tests.fakes.advisories import inventory, options, osv

from ironhull.advisories.database import Database
from ironhull.errors import InputError
from ironhull.inventory.model import Distribution, Package
from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult

ALPINE = Distribution("alpine", "3.20.3", "", "Alpine Linux v3.20")


def scanned(
    database: Database, *packages: Package, distribution: Distribution = ALPINE
) -> ScanResult:
    return scan(inventory(*packages, distribution=distribution), database, options())


def apk(name: str, version: str, origin: str = "") -> Package:
    return Package(
        name,
        version,
        "apk",
        "/lib/apk/db/installed",
        source=origin or name,
        source_version=version,
        purl=f"pkg:apk/alpine/{name}@{version}?distro=alpine-3.20.3",
    )


def language(kind: str, name: str, version: str) -> Package:
    return Package(name, version, kind, f"/app/{name}")  # type: ignore[arg-type]


def test_alpine_is_matched_by_origin_in_apks_order(tmp_path: Path) -> None:
    records = [
        osv("CVE-2024-0001", "openssl", {"Alpine:v3.20": "3.3.2-r0", "Alpine:v3.19": "3.1.9-r0"}),
        osv("CVE-2024-0002", "openssl", {"Alpine:v3.20": "3.3.0_rc1-r0"}),
        osv("CVE-2024-0003", "openssl", {"Alpine:v3.20": "0"}),
    ]
    database = fake.database(
        tmp_path / "a.sqlite", osv_alpine=fake.write_records(tmp_path / "osv", records)
    )
    result = scanned(database, apk("libssl3", "3.3.0-r2", "openssl"))
    assert [(f.id, f.fixed_version) for f in result.findings] == [("CVE-2024-0001", "3.3.2-r0")]


def test_the_real_alpine_entries_of_the_export_are_read(tmp_path: Path) -> None:
    place = fake.real_records(tmp_path / "osv", ["CVE-2024-3094", "CVE-2023-45853"])
    database = fake.database(tmp_path / "a.sqlite", osv_alpine=place)
    assert "alpine:3.20" in database.ecosystems
    result = scanned(database, apk("xz-libs", "5.6.1-r1", "xz"), apk("zlib", "1.3.1-r1"))
    assert [f.id for f in result.findings] == ["CVE-2024-3094"]


def test_a_branch_that_no_feed_knows_is_unknown(tmp_path: Path) -> None:
    record = osv("CVE-2024-0001", "openssl", {"Alpine:v3.20": "3.3.2-r0"})
    database = fake.database(
        tmp_path / "a.sqlite", osv_alpine=fake.write_records(tmp_path / "osv", [record])
    )
    old = Distribution("alpine", "3.2.0", "", "Alpine Linux v3.2")
    assert scanned(database, apk("openssl", "1.0-r0"), distribution=old).verdict == "unknown"
    nameless = Distribution("alpine", "3", "", "Alpine")
    with pytest.raises(InputError, match="no VERSION_ID of the form"):
        scanned(database, apk("openssl", "1.0-r0"), distribution=nameless)


@pytest.mark.parametrize(
    ("feed", "ecosystem", "kind", "name", "vulnerable", "fixed"),
    [
        ("osv_npm", "npm", "npm", "@scope/lib", "1.2.3-beta.1", "1.2.3"),
        ("osv_pypi", "PyPI", "pypi", "Zope.Interface", "5.0rc1", "5.0"),
        ("osv_go", "Go", "golang", "golang.org/x/net", "v0.7.0", "0.17.0"),
        ("osv_maven", "Maven", "maven", "org.a:lib", "2.14.1", "2.15.0"),
        ("osv_rubygems", "RubyGems", "gem", "rack", "3.0.0.rc1", "3.0.0"),
        ("osv_packagist", "Packagist", "composer", "Vendor/Lib", "v1.0.0-RC1", "1.0.0"),
        ("osv_nuget", "NuGet", "nuget", "Newtonsoft.Json", "12.0.3", "13.0.1"),
    ],
)
def test_language_packages_follow_their_own_order(
    tmp_path: Path,
    feed: str,
    ecosystem: str,
    kind: str,
    name: str,
    vulnerable: str,
    fixed: str,
) -> None:
    record = osv("GHSA-aaaa-bbbb-cccc", name, {ecosystem: fixed}, aliases=["CVE-2024-0001"])
    record["database_specific"] = {"severity": "MODERATE"}
    database = fake.database(
        tmp_path / "a.sqlite", **{feed: fake.write_records(tmp_path / "osv", [record])}
    )
    result = scanned(database, language(kind, name, vulnerable), distribution=Distribution())
    assert [(f.id, f.fixed_version) for f in result.findings] == [("CVE-2024-0001", fixed)]
    assert result.findings[0].record == "GHSA-aaaa-bbbb-cccc"
    assert result.findings[0].severity == "medium"
    healthy = scanned(database, language(kind, name, fixed), distribution=Distribution())
    assert healthy.findings == ()


def test_names_of_python_packages_are_compared_as_pep_503_says(tmp_path: Path) -> None:
    record = osv("PYSEC-2024-1", "zope-interface", {"PyPI": "5.0"})
    database = fake.database(
        tmp_path / "a.sqlite", osv_pypi=fake.write_records(tmp_path / "osv", [record])
    )
    package = language("pypi", "Zope.Interface", "4.0")
    assert len(scanned(database, package, distribution=Distribution()).findings) == 1


def test_versions_that_are_only_listed_are_matched_by_their_text(tmp_path: Path) -> None:
    record: dict[str, object] = {
        "id": "MAL-2024-1",
        "modified": "2024-07-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "npm", "name": "evil"}, "versions": ["6.6.6"]}],
    }
    database = fake.database(
        tmp_path / "a.sqlite", osv_npm=fake.write_records(tmp_path / "osv", [record])
    )
    found = scanned(database, language("npm", "evil", "6.6.6"), distribution=Distribution())
    assert [f.id for f in found.findings] == ["MAL-2024-1"]
    other = scanned(database, language("npm", "evil", "6.6.7"), distribution=Distribution())
    assert other.findings == ()


def test_packages_that_no_feed_covers_are_unmatched_not_clean(tmp_path: Path) -> None:
    record = osv("CVE-2024-0001", "openssl", {"Alpine:v3.20": "3.3.2-r0"})
    database = fake.database(
        tmp_path / "a.sqlite", osv_alpine=fake.write_records(tmp_path / "osv", [record])
    )
    result = scanned(database, apk("openssl", "3.3.2-r0"), language("npm", "lodash", "4.0.0"))
    assert [each.package for each in result.unmatched] == ["lodash"]
    assert any(each.kind == "no-data" and each.subject == "npm" for each in result.warnings)


def test_node_is_matched_with_its_own_index(tmp_path: Path) -> None:
    database = fake.database(tmp_path / "a.sqlite", nodejs=excerpt("node-core-vulns-2026-04.json"))
    node = Package("node", "20.20.1", "binary", "/usr/local/bin/node")
    result = scanned(database, node, distribution=Distribution())
    fixes = {finding.id: finding.fixed_version for finding in result.findings}
    assert fixes["CVE-2026-21717"] == "20.20.2"
    patched = Package("node", "20.20.2", "binary", "/usr/local/bin/node")
    ids = [f.id for f in scanned(database, patched, distribution=Distribution()).findings]
    assert "CVE-2026-21717" not in ids


def test_a_runtime_past_its_end_is_said(tmp_path: Path) -> None:
    record = osv("CVE-2024-0001", "x", {"npm": "1.0.0"})
    database = fake.database(
        tmp_path / "a.sqlite",
        osv_npm=fake.write_records(tmp_path / "osv", [record]),
        endoflife=excerpt("endoflife"),
    )
    python = Package("python", "3.8.20", "binary", "/usr/local/bin/python3.8")
    result = scanned(database, python, distribution=Distribution())
    assert [(each.kind, each.subject) for each in result.warnings if each.kind == "eol"] == [
        ("eol", "python")
    ]


def test_a_runtime_that_a_distribution_package_owns_is_left_to_it(tmp_path: Path) -> None:
    database = fake.database(tmp_path / "a.sqlite", nodejs=excerpt("node-core-vulns-2026-04.json"))
    node = Package("node", "18.0.0", "binary", "/usr/bin/node", owned_by="nodejs")
    free = Package("x", "1", "binary", "/x")
    result = scanned(database, node, free, distribution=Distribution())
    assert result.findings == ()
