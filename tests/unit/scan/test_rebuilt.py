"""Packages that are not Debian's own: their versions sort as they please and prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import TRIXIE, deb, inventory, options, osv

from ironhull.advisories.database import Database
from ironhull.advisories.model import InArchive
from ironhull.inventory.cataloguers.dpkg import read
from ironhull.inventory.model import Distribution, ImageIdentity, Package
from ironhull.oci.digest import Digest
from ironhull.scan.about import ImageProduct
from ironhull.scan.explain import explain
from ironhull.scan.index import TrackerIndex
from ironhull.scan.interface import NoIndex
from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult
from ironhull.scan.rebuilt import rebuilt_by, rebuilt_version
from ironhull.scan.reports.formats import FORMATS
from ironhull.scan.rescan import rescan
from ironhull.scan.statements import not_affected, statements_of
from ironhull.scan.summary import ScanReport, headline, summary
from ironhull.scan.target import target_of
from ironhull.scan.triage import apply_vex
from ironhull.state.inventories import InventoryStore
from ironhull.state.ledger import Ledger
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import Surroundings

Make = Callable[..., Database]
FIX = "3.5.1-1+deb13u2"
DHI = Distribution("dhi", "13", "trixie", "Docker Hardened Images (Debian)")
ECOSYSTEM = "Docker Hardened Images:Debian:13"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def database(**feeds: list[dict[str, object]]) -> Database:
        places = {
            name: fake.write_records(tmp_path / name, records) for name, records in feeds.items()
        }
        return fake.database(tmp_path / "advisories.sqlite", **places)

    return database


@pytest.fixture
def debian(make: Make) -> Database:
    """One vulnerability that Debian fixed in FIX, one before that, one after."""
    return make(
        osv_debian=[
            osv("CVE-2025-0001", "openssl", {"Debian:13": FIX}),
            osv("CVE-2025-0002", "openssl", {"Debian:13": "3.4.0-1"}),
            osv("CVE-2025-0003", "openssl", {"Debian:13": "3.5.4-1~deb13u1"}, urgency="low"),
        ]
    )


def found(
    database: Database, *packages: Package, distribution: Distribution = TRIXIE
) -> ScanResult:
    return scan(inventory(*packages, distribution=distribution), database, options())


def answer(database: Database, package: Package, name: str) -> str:
    given = inventory(package, distribution=TRIXIE)
    result = scan(given, database, options())
    target = target_of(given, database.ecosystems)
    told = explain(name, given, result, database, target)
    return f"{told.packages[0].answer}: {told.packages[0].why}; {told.conclusion}"


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("3.5.1-1+dhi0", "Docker Hardened Images"),
        ("12.4+deb12u8+dhi1", "Docker Hardened Images"),
        ("3.5.1-1+deb13u1+ih2", "Ironhull"),
        ("1:6.1.63-1+rpt1", "Raspberry Pi"),
        ("5.2.15-2+rpi1", "Raspbian"),
        ("3.0.2-0ubuntu1.15", "Ubuntu"),
        ("1.1.1f-1ubuntu2.22+esm1", "Ubuntu ESM"),
        ("2.31-13build1", "Ubuntu"),
        ("7.4.33-1+freexian1", "Freexian"),
        ("1.1.0l-1~deb9u6+elts1", "Freexian"),
        ("1:11.4.2+maria~deb12", "MariaDB"),
        ("16.2-1.pgdg120+2", "PostgreSQL's own archive"),
        ("20.11.1-1nodesource1", "NodeSource"),
        ("8.3.1-1+0~20231221.56+debian12~1.gbp4ad4f5", "deb.sury.org"),
        ("6.12.9-1~bpo12+1", "Debian's backports"),
        ("1.27.3-1~bookworm", "others"),
        ("2.31-13kali1", "others"),
        ("3.5.1-1+local1", "others"),
    ],
)
def test_a_suffix_that_debian_does_not_use_says_who_built_it(version: str, name: str) -> None:
    rebuilder = rebuilt_version(version)
    assert rebuilder is not None
    assert rebuilder.name == name
    assert rebuilder.sign in version
    assert version.startswith(rebuilder.base)


@pytest.mark.parametrize(
    "version",
    [
        *("3.5.1-1", "3.5.1-1+deb13u2", "3.0.15-1~deb12u1", "0.4+nmu1", "5.2.15-2+b13"),
        *(
            "2:1.2.3+dfsg-4",
            "1.8-3+ds",
            "5.6.1+really5.4.5-1",
            "6.2.0-0.1",
            "1.2-3.1",
            "1.0-1+lts1",
        ),
        *("12.22.5~dfsg-2~11u1", "2.0.3-11+lenny1", "0.8.1-3sarge4", "1.12.0-1exp2", "2.9.18+exp1"),
        *("1.4-1~exp1", "2.36-9+loong64", "18.12.1+dfsg-2+0.riscv64.1", "1.76.0+dfsg1-1+hurd.1"),
        *("0.3.7+git20210101.abcdef-2", "1:2.65-1+2026f", "246.10-1debian1", "2024a-0+deb12u1"),
        *("4.6.28-20200521ss15dab", "1:8.1.0r7-1~1.gbp36536b", "20230311", "1+2.12+9+deb13u4"),
        *("1.0.8", "7.0.1-1deb13u1", "2.38-15~1", "5.5.0+debpgdg-1", "1.2.0~rc1-1", "2.4+dfsg-1a"),
    ],
)
def test_what_debian_writes_itself_is_debians(version: str) -> None:
    assert rebuilt_version(version) is None


def test_a_vendors_version_after_the_fix_is_unknown_not_fixed(debian: Database) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1+dhi0", "openssl"))
    states = {each.id: (each.state, each.fixed_version) for each in result.findings}
    assert states == {
        "CVE-2025-0001": ("unknown", ""),
        "CVE-2025-0003": ("fixed", "3.5.4-1~deb13u1"),
    }
    [unmatched] = result.unmatched
    assert unmatched.reason == "unknown: rebuilt by Docker Hardened Images (+dhi0)"
    assert (result.verdict, summary(result).raw, summary(result).unmatched) == ("partial", 2, 1)
    assert "1 package could not be matched" in headline(result)


def test_a_version_that_we_patched_has_what_its_base_has_whatever_it_sorts_after(
    debian: Database,
) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1+ih1", "openssl"))
    assert {each.id: each.fixed_version for each in result.findings} == {
        "CVE-2025-0001": FIX,
        "CVE-2025-0003": "3.5.4-1~deb13u1",
    }
    assert (result.unmatched, result.verdict) == ((), "complete")
    fixed = found(debian, deb("libssl3", f"{FIX}+ih1", "openssl"))
    assert [each.id for each in fixed.findings] == ["CVE-2025-0003"]


def test_what_our_patches_fix_is_said_by_vex_and_no_later_fix_contradicts_it(
    debian: Database,
) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1+ih1", "openssl"))
    product = Product("pkg:deb/debian/libssl3@3.5.1-1%2Bih1")
    said = VexStatement(("CVE-2025-0001",), (product,), "fixed")
    moment = "2026-11-23T00:00:00Z"
    document = VexDocument("own", "OpenVEX", "own", "Ironhull", moment, (said,))
    image = ImageProduct("web", frozenset(), Surroundings("debian-13", "amd64"))
    after = apply_vex(result, [document], image, {})
    assert [each.id for each in after.open] == ["CVE-2025-0003"]
    # Of the next version nothing is said yet.
    other = found(debian, deb("libssl3", "3.5.1-1+ih2", "openssl"))
    assert len(apply_vex(other, [document], image, {}).open) == 2


def test_debians_own_version_is_judged_as_before(debian: Database) -> None:
    for version, expected in (
        ("3.5.1-1", ["CVE-2025-0001", "CVE-2025-0003"]),
        (FIX, ["CVE-2025-0003"]),
        ("3.5.4-1~deb13u1", []),
    ):
        package = replace(
            deb("libssl3", version, "openssl"), purl=f"pkg:deb/debian/libssl3@{version}"
        )
        result = found(debian, package)
        assert sorted(each.id for each in result.findings) == expected
        assert (result.unmatched, result.verdict) == ((), "complete")


def test_a_binary_rebuild_is_judged_by_its_source(debian: Database) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1+deb13u2+b1", "openssl", FIX))
    assert ([each.id for each in result.findings], result.unmatched) == (["CVE-2025-0003"], ())


def test_a_version_that_the_archive_has_is_debians_whatever_it_looks_like(debian: Database) -> None:
    package = deb("libssl3", "3.5.4-1+odd1", "openssl")
    rows = [InArchive("13", "trixie", "openssl", "3.5.4-1+odd1")]
    backport = [InArchive("13", "trixie-backports", "openssl", "3.5.4-1+odd1")]
    given = inventory(package, distribution=TRIXIE)
    assert scan(given, debian, options(index=TrackerIndex(rows))).unmatched == ()
    assert scan(given, debian, options(index=TrackerIndex(backport))).unmatched != ()


def test_explain_says_that_it_is_unknown_and_who_built_it(debian: Database) -> None:
    package = deb("libssl3", "3.5.1-1+dhi0", "openssl")
    near = answer(debian, package, "CVE-2025-0001")
    assert near.startswith("unknown: source openssl 3.5.1-1+dhi0: unknown: rebuilt by Docker")
    assert f"Debian's fix is {FIX}" in near
    assert "whether CVE-2025-0001 concerns libssl3 is unknown" in near
    older = answer(debian, package, "CVE-2025-0002")
    assert older.startswith("unknown: openssl 3.5.1-1+dhi0 was not matched: unknown: rebuilt by")


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "openvex"])
def test_every_format_says_who_rebuilt_what(debian: Database, form: str) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1+dhi0", "openssl"))
    text = FORMATS[form].render(ScanReport(result))
    assert text.count("rebuilt by Docker Hardened Images") >= 2


def test_vex_says_that_it_is_under_investigation_and_nothing_of_debians_own_build(
    make: Make,
) -> None:
    database = make(
        osv_debian=[
            osv("CVE-2025-0001", "openssl", {"Debian:13": FIX}),
            osv("CVE-2025-0009", "openssl", {"Debian:13": "0"}),
        ]
    )
    given = inventory(deb("libssl3", "3.5.1-1+dhi0", "openssl"), distribution=TRIXIE)
    result = scan(given, database, options())
    [said] = statements_of(result, result.findings)
    assert said.status == "under_investigation"
    assert not_affected(given, result, database) == []


def test_what_debian_says_of_its_build_clears_nothing_of_anothers(tmp_path: Path) -> None:
    entry = {
        "releases": {
            "trixie": {
                "status": "open",
                "urgency": "unimportant",
                "nodsa": "not built in Debian",
                "nodsa_reason": "ignored",
            }
        }
    }
    export = tmp_path / "tracker.json"
    export.write_text(json.dumps({"openssl": {"CVE-2025-0001": entry}}))
    database = fake.database(tmp_path / "a.sqlite", debian_tracker=export)
    for version, cleared in (("3.5.1-1", True), ("3.5.1-1+dhi0", False)):
        [finding] = found(database, deb("libssl3", version, "openssl")).findings
        assert finding.suppressed is cleared


def test_a_backport_is_not_fixed_by_sorting_after_the_releases_fix(debian: Database) -> None:
    result = found(debian, deb("libssl3", "3.6.0-1~bpo13+1", "openssl"))
    assert [each.reason for each in result.unmatched] == [
        "unknown: rebuilt by Debian's backports (~bpo13+1)"
    ]


def test_a_rescan_counts_it_as_the_scan_does(debian: Database, tmp_path: Path) -> None:
    store, ledger = InventoryStore(tmp_path / "stored"), Ledger(tmp_path / "ledger.sqlite")
    versions = {"own": "3.5.1-1", "vendor": "3.5.1-1+dhi0", "origin": "3.5.1-1"}
    for number, (name, version) in enumerate(versions.items()):
        package = deb("libssl3", version, "openssl")
        package = replace(package, origin="Example" if name == "origin" else "")
        given = inventory(package, distribution=TRIXIE)
        key = Digest(f"sha256:{number:064x}")
        store.put(replace(given, image=ImageIdentity(name, "store", key, key)))
    found_again = {each.image: each for each in rescan(store, debian, ledger, NoIndex())}
    for stored in store:
        result = scan(stored, debian, options())
        each = found_again[stored.image.name]
        assert (each.raw, each.unmatched) == (len(result.findings), len(result.unmatched))
    assert {name: each.unmatched for name, each in found_again.items()} == {
        "own": 0,
        "vendor": 1,
        "origin": 1,
    }


# -- the vendor's own feed ------------------------------------------------------------------------


@pytest.fixture
def both(make: Make) -> Database:
    return make(
        osv_debian=[osv("CVE-2025-0001", "openssl", {"Debian:13": None})],
        osv_dhi=[
            osv("CVE-2025-0007", "openssl", {ECOSYSTEM: "3.5.1-1+dhi2"}),
            osv("CVE-2025-0008", "libssl3", {ECOSYSTEM: "3.5.1-1+dhi1"}),
            osv("CVE-2025-0006", "openssl", {"Docker Hardened Images:Debian:12": None}),
        ],
    )


def test_with_the_vendors_feed_that_alone_judges(both: Database) -> None:
    old = found(both, deb("libssl3", "3.5.1-1+dhi0", "openssl"))
    assert sorted(each.id for each in old.findings) == ["CVE-2025-0007", "CVE-2025-0008"]
    assert {each.feed for each in old.findings} == {"osv-dhi"}
    new = found(both, deb("libssl3", "3.5.1-1+dhi2", "openssl"))
    assert (new.findings, new.unmatched, new.verdict) == ((), (), "complete")


def test_an_image_of_the_vendor_is_judged_by_its_feed_with_no_fallback(
    both: Database, debian: Database
) -> None:
    plain = deb("libssl3", "3.5.1-1", "openssl")
    judged = found(both, plain, distribution=DHI)
    assert sorted(each.id for each in judged.findings) == ["CVE-2025-0007", "CVE-2025-0008"]


def test_without_the_vendors_feed_its_image_is_unknown_not_empty(debian: Database) -> None:
    result = found(debian, deb("libssl3", "3.5.1-1", "openssl"), distribution=DHI)
    assert (result.verdict, result.findings, len(result.unmatched)) == ("unknown", (), 1)
    assert summary(result).raw is None
    assert any("osv-dhi" in each.message for each in result.warnings)


# -- the package database and purls ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ("Maintainer: Jo Doe <jo@ubuntu.com>\n", ""),
        ("Maintainer: Jo Doe <jo@debian.org>\nOrigin: Debian\n", ""),
        ("Origin: Example\n", "Example"),
        ("Maintainer: NodeSource <gpg-rpm@nodesource.com>\n", "NodeSource"),
        ("Maintainer: NGINX Packaging <nginx-packaging@f5.com>\n", "NGINX Packaging"),
        (
            "Maintainer: Ubuntu Developers <x@lists.ubuntu.com>\nOriginal-Maintainer: Jo <jo@x>\n",
            "Ubuntu Developers",
        ),
    ],
)
def test_the_package_database_says_who_made_it(fields: str, origin: str) -> None:
    text = f"Package: nginx\nStatus: install ok installed\nVersion: 1.27.3-1\n{fields}"
    [package] = read("/var/lib/dpkg/status", text.encode()).packages
    assert package.origin == origin
    rebuilder = rebuilt_by(package)
    assert ("" if rebuilder is None else rebuilder.name) == origin


def test_a_purl_of_another_namespace_is_anothers() -> None:
    package = replace(deb("nginx", "1.26.3-3"), purl="pkg:deb/dhi/nginx@1.26.3-3")
    rebuilder = rebuilt_by(package)
    assert rebuilder is not None
    assert rebuilder.words == "unknown: rebuilt by Docker Hardened Images (pkg:deb/dhi)"
