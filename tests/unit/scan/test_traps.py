"""What is easily got wrong when CVEs are matched with packages of Debian, one trap a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.data.find import excerpt
from tests.fakes import advisories as fake
from tests.fakes.advisories import BOOKWORM, BULLSEYE, TRIXIE, deb, inventory, options, osv

from ironhull.advisories.database import Database
from ironhull.advisories.model import InArchive
from ironhull.debian.version import compare
from ironhull.errors import InputError
from ironhull.inventory.model import Distribution, Package
from ironhull.scan.index import TrackerIndex
from ironhull.scan.matching import scan
from ironhull.scan.model import FixState, ScanResult

Make = Callable[..., Database]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A database of OSV records for Debian, given one by one."""

    def database(*records: dict[str, object], **places: Path) -> Database:
        if records:
            places["osv_debian"] = fake.write_records(tmp_path / "osv", records)
        return fake.database(tmp_path / "advisories.sqlite", **places)

    return database


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The real annotations and advisories, and the real release dates."""
    path = tmp_path_factory.mktemp("tracker") / "advisories.sqlite"
    return fake.database(
        path,
        debian_annotations=excerpt("tracker-annotations"),
        debian_releases=excerpt("debian/debian.csv"),
        debian_support=excerpt("debian"),
    )


def found(
    database: Database, *packages: Package, distribution: Distribution = BOOKWORM, **changes: object
) -> ScanResult:
    return scan(inventory(*packages, distribution=distribution), database, options(**changes))


def ids(result: ScanResult) -> list[str]:
    return sorted(finding.id for finding in result.findings)


def test_trap_01_the_source_package_is_matched_not_the_binary(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1~deb12u1"}))
    result = found(database, deb("libssl3", "3.0.11-1", "openssl", "3.0.11-1"))
    assert [(f.package, f.source) for f in result.findings] == [("libssl3", "openssl")]


def test_trap_02_the_source_version_is_compared_where_it_differs(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "lvm2", {"Debian:12": "2.03.16-3"}),
        osv("CVE-2024-0002", "gcc-defaults", {"Debian:12": "1.203"}),
        osv("CVE-2024-0003", "java-common", {"Debian:12": "0.75"}),
        osv("CVE-2024-0004", "util-linux", {"Debian:12": "2.38.1-5+deb12u3"}),
    )
    result = found(
        database,
        deb("dmsetup", "2:1.02.185-2", "lvm2", "2.03.16-2"),
        deb("gcc", "4:12.2.0-3", "gcc-defaults", "1.203"),
        deb("default-jre", "2:1.17-74", "java-common", "0.74"),
        deb("bsdutils", "1:2.38.1-5+deb12u3", "util-linux", "2.38.1-5+deb12u3"),
    )
    assert ids(result) == ["CVE-2024-0001", "CVE-2024-0003"]


def test_trap_03_a_binary_rebuild_is_neither_later_nor_earlier_than_its_source(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "bash", {"Debian:12": "5.2.15-2"}),
        osv("CVE-2024-0002", "bash", {"Debian:12": "5.2.15-2+deb12u1"}),
    )
    assert compare("5.2.15-2+b13", "5.2.15-2+deb12u1") < 0
    result = found(database, deb("bash", "5.2.15-2+b13", "bash", "5.2.15-2"))
    assert ids(result) == ["CVE-2024-0002"]


def test_trap_04_an_absent_epoch_is_zero(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "vim", {"Debian:12": "2:9.0.1378-2"}),
        osv("CVE-2024-0002", "tool", {"Debian:12": "8.3"}),
    )
    result = found(database, deb("vim", "8.3"), deb("tool", "2:9.0"), deb("tool2", "0:8.3", "tool"))
    assert ids(result) == ["CVE-2024-0001"]


def test_trap_05_tildes_and_really_follow_dpkg(make: Make) -> None:
    record = osv("CVE-2024-3094", "xz-utils", {"Debian:13": "5.6.1+really5.4.5-1"})
    database = make(record, osv("CVE-2024-0002", "openssl", {"Debian:13": "3.0.20-1"}))
    vulnerable = found(
        database,
        deb("liblzma5", "5.6.1-1", "xz-utils"),
        deb("openssl", "3.0.20-1~deb12u2"),
        distribution=TRIXIE,
    )
    assert ids(vulnerable) == ["CVE-2024-0002", "CVE-2024-3094"]
    fixed = found(database, deb("liblzma5", "5.6.1+really5.4.5-1", "xz-utils"), distribution=TRIXIE)
    assert fixed.findings == ()
    assert compare("2.36-9+loong64", "2.36-9") > 0
    assert compare("1.0-1~bpo12+1", "1.0-1") < 0


def test_trap_06_a_fix_counts_in_its_own_release_only(make: Make) -> None:
    record = osv(
        "CVE-2024-28757", "expat", {"Debian:12": "2.5.0-1+deb12u1", "Debian:13": "2.6.2-2"}
    )
    database = make(record)
    package = deb("libexpat1", "2.5.0-1+deb12u1", "expat")
    assert found(database, package).findings == ()
    assert ids(found(database, package, distribution=TRIXIE)) == ["CVE-2024-28757"]


def test_trap_07_the_fix_in_sid_is_not_the_fix_of_the_release(tracker: Database) -> None:
    # CVE-2026-1642: nginx 1.28.1-3 in sid, and nothing for bookworm but an advisory that the data
    # do not hold.
    result = found(tracker, deb("nginx", "1.22.1-9", "nginx"))
    finding = next(f for f in result.findings if f.id == "CVE-2026-1642")
    assert (finding.fixed_version, finding.fix_state) == ("", FixState.UNKNOWN)
    assert "1.28.1-3" in finding.reason
    later = found(tracker, deb("nginx", "1.28.1-3", "nginx"))
    assert "CVE-2026-1642" not in ids(later)


def test_trap_08_a_fix_that_the_archive_does_not_have_is_pending(make: Make) -> None:
    database = make(osv("CVE-2023-5981", "gnutls28", {"Debian:12": "3.7.9-2+deb12u1"}))
    package = deb("libgnutls30", "3.7.9-2", "gnutls28")
    without = found(database, package).findings[0]
    assert without.fix_state is FixState.FIXED
    old = TrackerIndex([InArchive("12", "bookworm", "gnutls28", "3.7.9-2")])
    assert found(database, package, index=old).findings[0].fix_state is FixState.PENDING
    new = TrackerIndex(
        [
            InArchive("12", "bookworm", "gnutls28", "3.7.9-2"),
            InArchive("12", "bookworm-security", "gnutls28", "3.7.9-2+deb12u1"),
        ]
    )
    finding = found(database, package, index=new).findings[0]
    assert (finding.fix_state, finding.fix_suite) == (FixState.AVAILABLE, "bookworm-security")


def test_trap_09_a_fix_may_stand_in_the_dsa_alone(tracker: Database) -> None:
    vulnerable = found(tracker, deb("libssl3", "3.0.20-1~deb12u1", "openssl"))
    finding = next(f for f in vulnerable.findings if f.id == "CVE-2026-34180")
    assert (finding.fixed_version, finding.advisory) == ("3.0.20-1~deb12u2", "DSA-6335-1")
    fixed = found(tracker, deb("libssl3", "3.0.20-1~deb12u2", "openssl"))
    assert "CVE-2026-34180" not in ids(fixed)


def test_trap_10_the_highest_suite_offers_the_fix(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "glibc", {"Debian:12": "2.36-9+deb12u4"}))
    index = TrackerIndex(
        [
            InArchive("12", "bookworm", "glibc", "2.36-9+deb12u3"),
            InArchive("12", "bookworm-updates", "glibc", "2.36-9+deb12u4"),
            InArchive("12", "bookworm-security", "glibc", "2.36-9+deb12u7"),
        ]
    )
    # An image from main alone: the point release did not have it yet.
    finding = found(database, deb("libc6", "2.36-9+deb12u3", "glibc"), index=index).findings[0]
    assert finding.fix_state is FixState.AVAILABLE
    assert finding.fix_suite in ("bookworm-updates", "bookworm-security")


@pytest.mark.parametrize(
    ("line", "expected", "state"),
    [
        ("[bookworm] - tool <no-dsa> (Minor issue)", FixState.UNKNOWN, "no-dsa"),
        ("[bookworm] - tool <postponed> (Minor issue)", FixState.UNKNOWN, "postponed"),
        ("[bookworm] - tool <ignored> (Too intrusive)", FixState.NOT_PLANNED, "ignored"),
        ("[bookworm] - tool <end-of-life>", FixState.NOT_PLANNED, "end-of-life"),
        ("[bookworm] - tool <undetermined>", FixState.UNKNOWN, "undetermined"),
        ("[bookworm] - tool <unfixed> (unimportant)", FixState.NOT_PLANNED, "unfixed"),
        ("[bookworm] - tool <unfixed>", FixState.UNKNOWN, "unfixed"),
        ("[bookworm] - tool <not-affected> (Introduced later)", None, ""),
        ("- tool <removed>", FixState.UNKNOWN, "removed"),
        ("- tool <itp> (bug #1)", FixState.UNKNOWN, "itp"),
    ],
)
def test_trap_11_each_of_debians_states_means_something_else(
    make: Make, tmp_path: Path, line: str, expected: FixState | None, state: str
) -> None:
    listing = tmp_path / "list"
    listing.write_text(f"CVE-2024-0001 (A flaw)\n\t- tool 2.0-1\n\t{line}\n")
    if not line.startswith("["):
        listing.write_text(f"CVE-2024-0001 (A flaw)\n\t{line}\n")
    result = found(make(debian_annotations=listing), deb("tool", "1.0-1"))
    got = [(finding.fix_state, finding.state) for finding in result.findings]
    assert got == ([] if expected is None else [(expected, state)])


def test_trap_11_a_recorded_fix_beats_no_dsa(make: Make, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text(
        "CVE-2020-8631 (A flaw)\n\t- tool 2.0-1\n\t[bookworm] - tool <no-dsa> (Minor issue)\n"
    )
    database = make(
        osv("CVE-2020-8631", "tool", {"Debian:12": "1.0-1+deb12u1"}), debian_annotations=listing
    )
    assert found(database, deb("tool", "1.0-1")).findings[0].fixed_version == "1.0-1+deb12u1"
    assert found(database, deb("tool", "1.0-1+deb12u1")).findings == ()


def test_trap_12_removed_from_sid_is_not_safe_in_stable(tracker: Database) -> None:
    result = found(tracker, deb("postgresql-15", "15.10-0+deb12u1"))
    assert "CVE-2026-2005" in ids(result)


def test_trap_12_a_package_that_left_the_archive_is_matched_as_it_was_last(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "python3.9", {"Debian:11": "3.9.2-1+deb11u2"}),
        osv("CVE-2024-0002", "bash", {"Debian:12": "5.3-1"}),
    )
    result = found(database, deb("python3.9", "3.9.2-1"))
    assert ids(result) == ["CVE-2024-0001"]
    assert [caveat.kind for caveat in result.warnings if caveat.subject == "python3.9"] == [
        "fallback"
    ]


def test_trap_13_silence_about_an_old_release_is_unknown_not_zero(
    make: Make, tracker: Database
) -> None:
    stretch = Distribution("debian", "9", "stretch", "Debian GNU/Linux 9 (stretch)")
    database = make(osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}))
    result = found(database, deb("bash", "4.4-5"), distribution=stretch)
    assert (result.verdict, result.findings) == ("unknown", ())
    assert any(caveat.kind == "no-data" for caveat in result.warnings)


def test_trap_13_the_end_of_security_support_is_said(tracker: Database) -> None:
    packages = (deb("pdns-server", "4.7.3-2", "pdns"), deb("libzabbix", "1:6.0-1", "zabbix"))
    result = found(tracker, *packages, deb("libwebkit2gtk", "2.40-1", "webkit2gtk"))
    kinds = {(caveat.kind, caveat.subject) for caveat in result.warnings}
    assert {
        ("lts", "debian 12"),
        ("support-ended", "pdns"),
        ("support-limited", "zabbix"),
        ("support-limited", "webkit2gtk"),
    } <= kinds
    old = found(tracker, deb("bash", "5.1-2"), distribution=BULLSEYE)
    assert old.verdict == "eol"


def test_trap_14_a_temporary_identifier_is_stable_and_gives_way_to_the_cve(
    make: Make, tmp_path: Path
) -> None:
    listing = tmp_path / "list"
    listing.write_text("CVE-2024-XXXX [odd parsing]\n\t- tool <unfixed> (bug #1012345)\n")
    first = found(make(debian_annotations=listing), deb("tool", "1.0-1"))
    assert first.findings[0].id.startswith("TEMP-1012345-")
    listing.write_text("CVE-2024-7777 (odd parsing)\n\t- tool <unfixed> (bug #1012345)\n")
    later = found(make(debian_annotations=listing), deb("tool", "1.0-1"))
    assert ids(later) == ["CVE-2024-7777"]
    assert later.findings[0].bug == first.findings[0].bug


def test_trap_15_severity_is_of_the_package(make: Make) -> None:
    database = make(
        osv("CVE-2015-2328", "pcre3", {"Debian:12": None}, urgency="low"),
        osv("CVE-2015-9999", "mongodb", {"Debian:12": None}, urgency="unimportant"),
    )
    result = found(database, deb("libpcre3", "2:8.39-15", "pcre3"), deb("mongodb", "1:3-1"))
    assert {f.source: f.severity for f in result.findings} == {
        "pcre3": "low",
        "mongodb": "negligible",
    }


def test_trap_15_one_cve_in_two_sources_keeps_two_urgencies(make: Make, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text(
        "CVE-2015-2328 (PCRE)\n\t- pcre3 <unfixed> (low)\n\t- mongodb <unfixed> (unimportant)\n"
    )
    database = make(debian_annotations=listing)
    result = found(database, deb("libpcre3", "2:8.39-15", "pcre3"), deb("mongodb", "1:3-1"))
    assert {f.source: f.urgency for f in result.findings} == {
        "pcre3": "low",
        "mongodb": "unimportant",
    }


def test_trap_16_a_binary_without_the_code_is_cleared_only_by_debians_reason(
    tracker: Database,
) -> None:
    package = deb("zlib1g", "1:1.2.13.dfsg-1", "zlib")
    result = found(tracker, package)
    finding = next(f for f in result.findings if f.id == "CVE-2023-45853")
    assert finding.suppressed
    assert finding.vex is not None
    assert "minizip not built" in finding.vex.statement
    raw = found(tracker, package, evidence=False)
    assert "CVE-2023-45853" in [f.id for f in raw.open]


def test_trap_17_kernel_headers_hold_no_kernel(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "linux", {"Debian:12": "6.1.200-1"}))
    result = found(
        database,
        deb("linux-libc-dev", "6.1.170-3", "linux"),
        deb("linux-image-6.1.0-47-amd64", "6.1.170-3", "linux-signed-amd64", "6.1.170+3"),
        deb("linux-perf", "6.1.170-3", "linux"),
    )
    suppressed = {f.package: f.suppressed for f in result.findings}
    assert suppressed == {
        "linux-libc-dev": True,
        "linux-image-6.1.0-47-amd64": False,
        "linux-perf": False,
    }
    fixed = deb("linux-image-6.1.0-48-amd64", "6.1.200-1", "linux-signed-amd64", "6.1.200+1")
    assert found(database, fixed).findings == ()


def test_trap_17_signed_boot_loaders_follow_what_they_sign(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "grub2", {"Debian:12": "2.06-13+deb12u2"}),
        osv("CVE-2024-0002", "shim", {"Debian:12": "15.8-1~deb12u1"}),
    )
    grub = ("grub-efi-amd64-signed", "1+2.06+13+deb12u1")
    shim = ("shim-signed", "1.44~1+deb12u1+15.7-1")
    result = found(database, deb(*grub), deb(*shim))
    assert ids(result) == ["CVE-2024-0001", "CVE-2024-0002"]
    fixed = ("shim-signed", "1.44~1+deb12u1+15.8-1~deb12u1")
    assert found(database, deb(*fixed)).findings == ()


def test_trap_18_static_linking_is_warned_about(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "golang-1.19", {"Debian:12": "1.19.9-1"}))
    tool = deb("gotool", "1.0-1+b3", "gotool", "1.0-1", ("golang-1.19 (= 1.19.8-2)",))
    result = found(database, tool)
    assert result.findings == ()
    messages = [caveat.message for caveat in result.warnings if caveat.kind == "static"]
    assert len(messages) == 1
    assert "CVE-2024-0001" in messages[0]
    rebuilt = deb("gotool", "1.0-1+b4", "gotool", "1.0-1", ("golang-1.19 (= 1.19.9-1)",))
    assert [c for c in found(database, rebuilt).warnings if c.kind == "static"] == []


def test_trap_19_a_language_package_of_a_distribution_package_is_not_matched_twice(
    make: Make, tmp_path: Path
) -> None:
    record = osv("GHSA-aaaa-bbbb-cccc", "requests", {"PyPI": "2.31.0"}, aliases=["CVE-2023-32681"])
    place = fake.write_records(tmp_path / "pypi", [record])
    database = make(osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}), osv_pypi=place)
    where = "/usr/lib/python3/dist-packages/requests-2.28.1.egg-info"
    owned = Package("requests", "2.28.1", "pypi", where, owned_by="python3-requests")
    free = Package("requests", "2.28.1", "pypi", "/usr/local/lib/requests-2.28.1.dist-info")
    result = found(database, deb("bash", "5.3-1"), owned, free)
    assert [(f.id, f.location) for f in result.findings] == [("CVE-2023-32681", free.location)]


def test_trap_20_an_image_without_any_package_is_an_error(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}))
    with pytest.raises(InputError, match="no package of any kind"):
        found(database)


def test_trap_21_the_same_package_of_two_architectures_is_two_findings(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "glibc", {"Debian:12": "2.36-10"}))
    result = found(database, deb("libc6", "2.36-9", "glibc"), deb("libc6", "2.36-9", "glibc"))
    assert len(result.findings) == 2


def test_trap_23_an_unknown_distribution_is_an_error(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}))
    package = deb("bash", "5.0-1")
    ubuntu = Distribution("ubuntu", "22.04", "jammy", "Ubuntu 22.04", id_like=("debian",))
    with pytest.raises(InputError, match="no advisories for deb packages of ubuntu"):
        found(database, package, distribution=ubuntu)
    with pytest.raises(InputError, match="unknown distribution"):
        found(database, package, distribution=Distribution(reason="no os-release"))
    with pytest.raises(InputError, match="neither VERSION_ID nor a known codename"):
        found(database, package, distribution=Distribution("debian"))


def test_trap_23_sid_has_no_version_id(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "bash", {"Debian:13": "5.3-1"}))
    sid = Distribution("debian", "", "trixie", "Debian GNU/Linux trixie/sid", (), "trixie/sid")
    result = found(database, deb("bash", "5.0-1"), distribution=sid)
    assert ids(result) == ["CVE-2024-0001"]
    assert any(caveat.kind == "fallback" for caveat in result.warnings)


def test_trap_24_our_own_rebuild_sorts_between_debians_fixes() -> None:
    assert compare("3.0.20-1~deb12u2", "3.0.20-1~deb12u2+ih1") < 0
    assert compare("3.0.20-1~deb12u2+ih1", "3.0.20-1~deb12u3") < 0


def test_trap_25_withdrawn_records_do_not_count_and_aliases_are_one(
    make: Make, tmp_path: Path
) -> None:
    npm = fake.write_records(
        tmp_path / "npm",
        [
            osv("GHSA-1111-1111-1111", "lodash", {"npm": "4.17.21"}, aliases=["CVE-2021-23337"]),
            osv("CVE-2021-23337", "lodash", {"npm": "4.17.21"}),
            osv(
                "GHSA-2222-2222-2222", "lodash", {"npm": "5.0.0"}, withdrawn="2024-01-01T00:00:00Z"
            ),
        ],
    )
    database = make(osv("DEBIAN-CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}), osv_npm=npm)
    lodash = Package("lodash", "4.17.20", "npm", "/app/node_modules/lodash/package.json")
    result = found(database, deb("bash", "5.0-1"), lodash)
    assert ids(result) == ["CVE-2021-23337", "CVE-2024-0001"]


def test_trap_26_only_debians_entries_of_a_mixed_record_are_taken(tmp_path: Path) -> None:
    place = fake.real_records(tmp_path / "osv", ["CVE-2023-45853"])
    database = fake.database(tmp_path / "a.sqlite", osv_debian=place)
    assert set(database.ecosystems) == {"debian:11", "debian:12", "debian:13"}
    record = json.loads((place / "CVE-2023-45853.json").read_bytes())
    assert any("ecosystem" not in entry["package"] for entry in record["affected"])


def test_trap_27_old_data_make_the_verdict_stale(make: Make) -> None:
    database = make(osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}))
    result = found(database, deb("bash", "5.3-1"), max_age=timedelta(days=7))
    assert (result.verdict, result.database.stale) == ("stale", True)
    fresh = found(database, deb("bash", "5.3-1"), max_age=timedelta(days=7000))
    assert fresh.verdict == "complete"


def test_trap_27_each_kind_of_package_has_data_of_its_own_age(make: Make, tmp_path: Path) -> None:
    npm = osv("GHSA-1", "left-pad", {"npm": "2.0"}, modified="2026-11-22T00:00:00Z")
    database = make(
        osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}),
        osv_npm=fake.write_records(tmp_path / "npm", [npm]),
    )
    result = found(database, deb("bash", "5.3-1"), max_age=timedelta(days=7))
    assert (result.verdict, result.database.stale) == ("stale", True)
    [caveat] = [each for each in result.warnings if each.kind == "stale"]
    assert (caveat.subject, "2024-07-01" in caveat.message) == ("debian", True)


def test_trap_28_a_version_that_cannot_be_parsed_is_counted(make: Make) -> None:
    database = make(
        osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}),
        osv("CVE-2024-0002", "tool", {"Debian:12": "not a version"}),
    )
    result = found(database, deb("bash", "what?"), deb("tool", "1.0-1"), deb("bash", ""))
    assert [(each.package, each.version) for each in result.unmatched] == [
        ("bash", "what?"),
        ("bash", ""),
    ]
    # A fix that cannot be compared leaves the package vulnerable.
    assert [(f.id, f.state) for f in result.findings] == [("CVE-2024-0002", "undetermined")]


def test_surprise_1_the_join_with_dsas_is_what_closes_postgresql(tracker: Database) -> None:
    assert "CVE-2026-2005" in ids(found(tracker, deb("postgresql-15", "15.1-1")))


def test_surprise_2_ignored_may_mean_not_built(tracker: Database) -> None:
    curl = deb("curl", "7.74.0-1.3+deb11u10")
    result = found(tracker, curl, distribution=BULLSEYE)
    finding = next(f for f in result.findings if f.id == "CVE-2023-46219")
    assert finding.fix_state is FixState.NOT_PLANNED
    assert finding.suppressed
    # … and may mean nothing of the kind.
    other = found(tracker, deb("libxmltok1", "1.2-4", "libxmltok"))
    assert [f.suppressed for f in other.findings] == [False]


@pytest.mark.parametrize(
    ("identifier", "package", "said", "suppressed"),
    [
        ("CVE-2022-0563", "util-linux", "configured with --disable-chfn-chsh", True),
        ("CVE-2022-48522", "perl", "negligible security impact.", False),
        ("CVE-2023-28320", "curl", "Debian binary package builds are not affected", True),
    ],
)
def test_surprise_3_the_reason_of_unimportant_is_in_the_notes(
    tracker: Database, identifier: str, package: str, said: str, suppressed: bool
) -> None:
    result = found(tracker, deb(package, "1.0-1"))
    finding = next(f for f in result.findings if f.id == identifier)
    assert said in finding.reason
    assert finding.suppressed is suppressed


def test_surprise_4_a_fix_can_be_taken_back(make: Make, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    package = deb("libxml2", "2.12.7+dfsg+really2.9.14-2.1+deb13u1")
    listing.write_text("CVE-2024-34459 (libxml2)\n\t- libxml2 2.12.7+dfsg-1\n")
    first = found(make(debian_annotations=listing), package, distribution=TRIXIE)
    assert first.findings == ()
    listing.write_text("CVE-2024-34459 (libxml2)\n\t- libxml2 <unfixed>\n")
    later = found(make(debian_annotations=listing), package, distribution=TRIXIE)
    assert ids(later) == ["CVE-2024-34459"]


def test_surprise_5_experimental_is_no_fix_in_sid(make: Make, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text(
        "CVE-2025-6141 (ncurses)\n\t[experimental] - ncurses 6.5+20251115-1\n"
        "\t- ncurses <unfixed>\n"
    )
    result = found(make(debian_annotations=listing), deb("libtinfo6", "7.0-1", "ncurses"))
    assert ids(result) == ["CVE-2025-6141"]


def test_surprise_6_entries_with_notes_alone_are_kept_to_be_shown(tracker: Database) -> None:
    record = tracker.records(["CVE-2025-45582"])[0].record
    assert record.notes[0].startswith("Disputed tar issue")
    assert tracker.claims_on("CVE-2025-45582") == []
    assert any("TODO" in note for note in tracker.records(["CVE-2024-41996"])[0].record.notes)


def test_surprise_7_flags_stand_in_any_order(make: Make, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text(
        "CVE-2026-123640\n\t- a 2.0-1 (bug #12; unimportant)\n\t- b 2.0-1 (low; bug #13)\n"
        "CVE-2026-0002 [x]\n\t- c <not-affected> (Only 1.2; see #1061268)\n"
        "\t[bullseye] - d <end-of-life> (see #1061268)\n"
    )
    database = make(debian_annotations=listing)
    claims = {c.package: c for c in database.claims(["a", "b", "c", "d"], "debian")}
    assert (claims["a"].bug, claims["a"].urgency) == (12, "unimportant")
    assert (claims["b"].bug, claims["b"].urgency) == (13, "low")
    assert (claims["c"].bug, claims["c"].reason) == (None, "Only 1.2; see #1061268")
    assert (claims["d"].ecosystem, claims["d"].bug) == ("debian:11", None)
