"""Rules and live indexes: the fast way gives what the plain way gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options

from ironhull.advisories.database import StoredClaim
from ironhull.advisories.feeds.rows import rank_of
from ironhull.advisories.model import State
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.package import BinaryPackage
from ironhull.debian.version import compare, version_key
from ironhull.oci.digest import Digest
from ironhull.scan.archive_index import InstalledIndex
from ironhull.scan.debian import debian_rules
from ironhull.scan.index import tracker_index
from ironhull.scan.interface import NoIndex, grouped
from ironhull.scan.matchers.distribution import DebianMatcher
from ironhull.scan.matching import scan
from ironhull.scan.model import FixState
from ironhull.scan.rules import Rule, rule_set

VERSIONS = st.from_regex(
    r"(?:[0-2]:)?[0-9](?:[.~+][0-9a-z]){0,3}(?:-[0-9](?:[~+]b?[0-9])?)?", fullmatch=True
)


def claim(
    vulnerability: str,
    ecosystem: str = "debian:12",
    state: State = State.FIXED,
    fixed: str | None = None,
    feed: int = 1,
    advisory: str | None = None,
) -> StoredClaim:
    return StoredClaim(
        "bash", ecosystem, vulnerability, 1, feed, state.value, fixed, None, None, None, advisory,
        None, None, None,
    )  # fmt: skip


def rule(vulnerability: str, threshold: str) -> Rule:
    return Rule(vulnerability, threshold, threshold, "fixed", "", "", claim(vulnerability))


@given(st.lists(st.one_of(st.just(""), VERSIONS), max_size=12), VERSIONS)
def test_a_binary_search_finds_what_comparing_each_would(
    thresholds: list[str], version: str
) -> None:
    rules = [rule(f"CVE-2024-{number:04d}", each) for number, each in enumerate(thresholds)]
    found = rule_set(rules, version_key).matching(version)
    expected = [
        each for each in rules if not each.threshold or compare(version, each.threshold) < 0
    ]
    assert sorted(each.vulnerability for each in found) == [each.vulnerability for each in expected]


@given(st.permutations(range(5)))
def test_the_order_in_which_claims_come_does_not_matter(order: list[int]) -> None:
    claims = [
        claim("CVE-2024-0001", "debian:sid", State.FIXED, "2.0-1", feed=1),
        claim("CVE-2024-0001", "debian:12", State.NO_DSA, feed=1),
        claim("CVE-2024-0001", "debian:12", State.FIXED, "1.0-1+deb12u2", 1, "DSA-2-1"),
        claim("CVE-2024-0001", "debian:12", State.FIXED, "1.0-1+deb12u1", 1, "DSA-1-1"),
        claim("CVE-2024-0001", "debian:12", State.UNFIXED, feed=2),
    ]
    rules = debian_rules("debian:12", [claims[at] for at in order], {1: 0, 2: 2})
    [found] = rules.matching("1.0-1")
    # Two advisories name it: the first fix was not complete.
    assert (found.offered, found.claim.advisory) == ("1.0-1+deb12u2", "DSA-2-1")
    assert rules.matching("1.0-1+deb12u2") == ()


def test_not_affected_in_the_release_beats_an_advisory_that_names_the_source() -> None:
    claims = [
        claim("CVE-2024-0001", "debian:12", State.NOT_AFFECTED),
        claim("CVE-2024-0001", "debian:12", State.FIXED, "9-1", 1, "DSA-1-1"),
    ]
    assert debian_rules("debian:12", claims, {1: 0}).matching("1-1") == ()


def test_silence_about_the_release_is_no_fallback_where_the_archive_has_the_source() -> None:
    claims = [claim("CVE-2024-0001", "debian:11", State.UNFIXED)]
    ranks = {1: 2}
    assert debian_rules("debian:12", claims, ranks, in_release=True).matching("1-1") == ()
    # Not known: what is unfixed elsewhere says nothing here.
    assert debian_rules("debian:12", claims, ranks, in_release=None).matching("1-1") == ()
    gone = debian_rules("debian:12", claims, ranks, in_release=False)
    assert [each.vulnerability for each in gone.matching("1-1")] == ["CVE-2024-0001"]
    assert gone.note == "not in debian 12, matched as in debian 11"


def package(version: str, suite: str, name: str = "libssl3") -> BinaryPackage:
    return BinaryPackage(
        name=BinaryName(name),
        version=DebianVersion(version),
        architecture="amd64",
        source=SourceName("openssl"),
        source_version=DebianVersion(version),
        sha256=Digest("sha256:" + "0" * 64),
        size=1,
        installed_size=1,
        path="pool/x.deb",
        repository="debian",
        suite=suite,
        component="main",
    )


def test_the_archives_index_knows_the_highest_version_of_each_suite() -> None:
    index = InstalledIndex(
        [
            package("3.0.14-1", "bookworm"),
            package("3.0.9-1", "bookworm", "openssl"),
            package("3.0.15-1", "bookworm-security"),
        ]
    )
    assert index.offers("openssl") == {"bookworm": "3.0.14-1", "bookworm-security": "3.0.15-1"}
    assert index.offers("bash") is None


def test_the_trackers_own_view_of_the_archive_is_the_index_by_default(tmp_path: Path) -> None:
    export = tmp_path / "tracker.json"
    suites = {"bookworm": "1.0-1", "bookworm-security": "1.0-1+deb12u1"}
    entries = {
        identifier: {
            "releases": {
                "bookworm": {"status": "resolved", "fixed_version": fixed, "repositories": suites}
            }
        }
        for identifier, fixed in (
            ("CVE-2024-0001", "1.0-1+deb12u1"),
            ("CVE-2024-0002", "1.0-1+deb12u2"),
        )
    }
    export.write_text(json.dumps({"bash": entries}))
    database = fake.database(tmp_path / "a.sqlite", debian_tracker=export)
    index = tracker_index(database, ["bash"], "12")
    result = scan(inventory(deb("bash", "1.0-1")), database, options(index=index))
    assert {finding.id: (finding.fix_state, finding.fix_suite) for finding in result.findings} == {
        "CVE-2024-0001": (FixState.AVAILABLE, "bookworm-security"),
        "CVE-2024-0002": (FixState.PENDING, ""),
    }


def test_annotations_are_asked_before_the_export_and_osv_last() -> None:
    names = ["osv-debian", "debian-tracker", "debian-dla", "someone's own"]
    assert [rank_of(name) for name in names] == [2, 1, 0, 2]


def test_claims_of_other_releases_are_read_where_the_rules_of_this_one_need_them(
    tmp_path: Path,
) -> None:
    """Of two feeds each speaks of some releases, in every combination, and not of others."""
    places = [set(some) for count in range(4) for some in combinations(("11", "12", "sid"), count)]
    suites = {"11": "bullseye", "12": "bookworm", "sid": "sid"}
    records, export = [], {}
    for number, (first, second) in enumerate(product(places, places)):
        name, identifier = f"source{number}", f"CVE-2024-{number:04d}"
        if first:
            fixes = {f"Debian:{each}" if each != "sid" else "Debian": "2.0-1" for each in first}
            records.append(fake.osv(identifier, name, fixes))
        if second:
            said = {"status": "resolved", "fixed_version": "3.0-1", "repositories": {}}
            entry = {"releases": {suites[each]: said for each in second}}
            export[name] = {f"CVE-2025-{number:04d}": entry}
    (tmp_path / "tracker.json").write_text(json.dumps(export))
    folder = fake.write_records(tmp_path / "osv", records)
    given = {"osv_debian": folder, "debian_tracker": tmp_path / "tracker.json"}
    names = [f"source{number}" for number in range(len(places) ** 2)]
    with fake.database(tmp_path / "a.sqlite", **given) as database:
        everything = grouped(database.claims(names, "debian"), names)
        for ecosystem in ("debian:11", "debian:12", "debian:13", "debian:sid"):
            loaded = DebianMatcher(database, ecosystem, NoIndex(), {})
            loaded.load([deb(name, "1.0-1") for name in names])
            adopting = DebianMatcher(database, ecosystem, NoIndex(), {})
            adopting.adopt(everything)
            for package in [deb(name, "1.0-1") for name in names]:
                found, expected = loaded.match(package), adopting.match(package)
                assert (_said(found.rules), found.note) == (_said(expected.rules), expected.note)


def _said(rules: Sequence[Rule]) -> list[Rule]:
    return sorted(rules, key=lambda rule: rule.vulnerability)
