"""VEX held against the feeds: what they contradict is said, what is unknown counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options, osv
from tests.fakes.vex import DIGEST, openvex, said

from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest
from ironhull.scan.contradictions import Compared, Feeds

FIXED = "3.0.14-1~deb12u1"
OLD = "3.0.11-1~deb12u1"


def source(version: str, distro: str = "debian-12") -> str:
    return f"pkg:deb/debian/openssl@{version}?distro={distro}"


def image(version: str) -> Inventory:
    made = inventory(deb("libssl3", version, "openssl"))
    return replace(made, image=replace(made.image, manifest=Digest(DIGEST)))


def compared(tmp_path: Path, *statements: dict[str, Any], holds: str = OLD) -> Compared:
    records = [
        osv("CVE-2024-0001", "openssl", {"Debian:12": FIXED}),
        osv("CVE-2024-0002", "openssl", {"Debian:12": None}),
    ]
    folder = Path(mkdtemp(dir=tmp_path))
    database = fake.database(
        folder / "a.sqlite", osv_debian=fake.write_records(folder / "osv", records)
    )
    with database:
        feeds = Feeds(database, {DIGEST: image(holds)}.get, options(evidence=False))
        return feeds.compare(openvex(*statements))


def test_fixed_before_the_feeds_fix_is_an_error(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, said(status="fixed", product=source(OLD))).violations
    assert (found.rule, found.level) == ("contradicts-feed", "error")
    assert found.message == f"osv-debian names {FIXED} as the fix, {OLD} is meant"


def test_fixed_where_no_fix_is_known_is_an_error(tmp_path: Path) -> None:
    statement = said("CVE-2024-0002", status="fixed", product=source(FIXED))
    (found,) = compared(tmp_path, statement).violations
    assert "knows no fix" in found.message


def test_affected_with_the_fix_in_is_a_warning(tmp_path: Path) -> None:
    statement = said(status="affected", product=source(FIXED), action_statement="wait")
    (found,) = compared(tmp_path, statement).violations
    assert found.level == "warning"
    assert found.message.endswith(f"fixed in {FIXED}: {FIXED} is not vulnerable")


@pytest.mark.parametrize(
    "statement",
    [
        said(status="fixed", product=source(FIXED)),
        said(status="affected", product=source(OLD), action_statement="update"),
        said("CVE-2024-0009", status="affected", product=source(FIXED), action_statement="x"),
    ],
)
def test_what_agrees_or_is_not_in_the_feeds_is_no_contradiction(
    tmp_path: Path, statement: dict[str, Any]
) -> None:
    done = compared(tmp_path, statement)
    assert (done.violations, done.compared, done.left) == ((), 1, 0)


def test_not_affected_by_evidence_is_what_vex_is_for(tmp_path: Path) -> None:
    done = compared(tmp_path, said(product=source(OLD), impact_statement="not built, sha256:ab"))
    assert (done.violations, done.compared) == ((), 0)
    fix = said(product=source(OLD), impact_statement="the patch was applied")
    assert [each.level for each in compared(tmp_path, fix).violations] == ["error"]


@pytest.mark.parametrize(
    "product",
    [
        source(""),
        f"pkg:deb/debian/openssl@{OLD}",
        source(OLD, "debian-99"),
        f"pkg:deb/debian/libssl3@{OLD}?distro=debian-12",
        "pkg:deb/debian/openssl@not a version?distro=debian-12",
        "our package",
    ],
)
def test_what_says_too_little_is_counted_and_not_judged(tmp_path: Path, product: str) -> None:
    done = compared(tmp_path, said(status="fixed", product=product))
    assert (done.violations, done.compared, done.left) == ((), 0, 1)


def test_parts_of_a_known_image_are_compared_by_what_is_in_it(tmp_path: Path) -> None:
    part = f"pkg:deb/debian/libssl3@{OLD}?arch=amd64"
    statement = said(status="fixed", product=f"pkg:oci/app@{DIGEST}", parts=(part,))
    (found,) = compared(tmp_path, statement).violations
    assert f"{OLD} is meant" in found.message
    done = compared(tmp_path, statement, holds=FIXED)
    assert done.violations == ()
    other = DIGEST.replace("ab", "cd")
    unknown = said(status="fixed", product=f"pkg:oci/app@{other}", parts=(part,))
    assert compared(tmp_path, unknown).left == 1


def test_an_image_is_known_by_any_of_its_identifiers_and_counts_once(tmp_path: Path) -> None:
    part = f"pkg:deb/debian/libssl3@{OLD}?arch=amd64"
    other = DIGEST.replace("ab", "cd")
    statement = said(status="fixed", product=f"pkg:oci/app@{other}", parts=(part,))
    statement["products"][0]["identifiers"] = {"purl": f"pkg:oci/app@{DIGEST}"}
    done = compared(tmp_path, statement)
    assert (len(done.violations), done.compared, done.left) == (1, 1, 0)
