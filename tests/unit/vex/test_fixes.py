"""The feed of our own fixes: what a later image mends, and nothing that it does not."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import advisories as fake

from ironhull.errors import MalformedError
from ironhull.vex.fixes import Built, MendedImage, osv_feed

NOW = "2026-11-28T00:00:00Z"
BARE = "pkg:oci/node"
OLD, NEW = "3.0.11-1~deb12u1", "3.0.14-1~deb12u1"


def said(name: str, version: str = OLD, status: str = "affected") -> dict[str, Any]:
    part = {"@id": f"pkg:deb/debian/libssl3@{version}?arch=amd64"}
    product = {"@id": f"{BARE}@sha256%3A{'a' * 64}", "subcomponents": [part]}
    return {"vulnerability": {"name": name}, "products": [product], "status": status}


def image(version: str = NEW, *statements: dict[str, Any]) -> MendedImage:
    packages = {"libssl3": Built(version, "openssl", version)}
    return MendedImage(f"{BARE}@sha256%3A{'b' * 64}", BARE, "Debian:12", statements, packages)


def records(
    earlier: Sequence[dict[str, Any]],
    *images: MendedImage,
    carried: bytes | None = None,
    now: str = NOW,
) -> dict[str, Any]:
    return unpacked(osv_feed({BARE: earlier}, images, carried, now))


def unpacked(feed: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def test_a_later_package_that_is_affected_no_more_is_a_fix() -> None:
    (record,) = records([said("CVE-2024-0001")], image()).values()
    assert record == {
        "schema_version": "1.7.0",
        "id": "IRONHULL-CVE-2024-0001",
        "modified": NOW,
        "upstream": ["CVE-2024-0001"],
        "summary": "CVE-2024-0001 is mended in images of this catalog",
        "affected": [
            {
                "package": {
                    "ecosystem": "Debian:12",
                    "name": "openssl",
                    "purl": "pkg:deb/debian/openssl?arch=source",
                },
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": OLD}, {"fixed": NEW}]}],
                "database_specific": {"images": [f"{BARE}@sha256%3A{'b' * 64}"]},
            }
        ],
    }


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        (said("CVE-2024-0001"), image(OLD)),
        (said("CVE-2024-0001"), image("3.0.9-1")),
        (said("CVE-2024-0001"), image(NEW, said("CVE-2024-0001", NEW))),
        (said("CVE-2024-0001"), image(NEW, said("CVE-2024-0001", NEW, "under_investigation"))),
        (said("CVE-2024-0001", status="not_affected"), image()),
        (said("CVE-2024-0001", status="under_investigation"), image()),
        (said("CVE-2024-0001"), replace(image(), bare="pkg:oci/other")),
        (said("CVE-2024-0001"), replace(image(), packages={})),
        (said("../../etc/passwd"), image()),
        (said("CVE-2024-0001", "not a version"), image()),
    ],
)
def test_what_is_no_fix_makes_no_record(earlier: dict[str, Any], now: MendedImage) -> None:
    assert records([earlier], now) == {}


def test_records_are_carried_on_and_the_first_fix_counts() -> None:
    first = osv_feed({BARE: [said("CVE-2024-0001")]}, [image()], None, NOW)
    later = "2026-12-01T00:00:00Z"
    assert osv_feed({}, [], first, later) == first
    again = records([said("CVE-2024-0001")], image("3.0.15-1~deb12u1"), carried=first, now=later)
    (record,) = again.values()
    events = record["affected"][0]["ranges"][0]["events"]
    assert events == [{"introduced": OLD}, {"fixed": NEW}]


def test_a_rebuild_is_the_sources_version_and_another_numbering_is_not_guessed() -> None:
    rebuilt = replace(image(), packages={"libssl3": Built(f"{NEW}+b2", "openssl", NEW)})
    (record,) = records([said("CVE-2024-0001", f"{OLD}+b1")], rebuilt).values()
    assert record["affected"][0]["ranges"][0]["events"][0] == {"introduced": OLD}
    other = replace(image(), packages={"libssl3": Built("9.2", "openssl", NEW)})
    (record,) = records([said("CVE-2024-0001", "9.1")], other).values()
    assert record["affected"][0]["ranges"][0]["events"] == [{"introduced": "0"}, {"fixed": NEW}]


def test_the_feed_is_read_as_osv(tmp_path: Path) -> None:
    feed = tmp_path / "all.zip"
    feed.write_bytes(osv_feed({BARE: [said("CVE-2024-0001")]}, [image()], None, NOW))
    with fake.database(tmp_path / "a.sqlite", osv_debian=feed) as database:
        (claim,) = database.claims(["openssl"], "debian")
        assert (claim.ecosystem, claim.fixed) == ("debian:12", NEW)


def test_a_damaged_feed_is_refused() -> None:
    with pytest.raises(MalformedError, match="no zip archive"):
        osv_feed({}, [], b"PK no", NOW)
