"""July 2024 once more: 51 updates of the feed, each new finding said once, when it came."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.data.find import EXCERPTS, osv_export, whole
from tests.fakes import advisories as fake

from ironhull.advisories.database import Database
from ironhull.advisories.feeds.known import KNOWN
from ironhull.advisories.update import Rules, Source, update
from ironhull.debian.version import compare
from ironhull.inventory.model import ImageIdentity, Inventory, Package
from ironhull.oci.digest import Digest
from ironhull.progress import Silent
from ironhull.scan.interface import NoIndex
from ironhull.scan.rescan import rescan
from ironhull.state.inventories import InventoryStore
from ironhull.state.ledger import Ledger

# Versions of bookworm at the beginning of July 2024, of sources that the replay knows.
INSTALLED = {
    "openssh": "1:9.2p1-2+deb12u2",
    "openssl": "3.0.11-1~deb12u2",
    "apache2": "2.4.59-1~deb12u1",
    "curl": "7.88.1-10+deb12u5",
    "glibc": "2.36-9+deb12u7",
    "util-linux": "2.38.1-5+deb12u1",
    "krb5": "1.20.1-2+deb12u1",
    "expat": "2.5.0-1",
    "systemd": "252.22-1~deb12u1",
    "libxml2": "2.9.14+dfsg-1.3~deb12u1",
    "sqlite3": "3.40.1-2",
    "perl": "5.36.0-7+deb12u1",
    "python3.11": "3.11.2-6",
    "zlib": "1:1.2.13.dfsg-1",
    "gnutls28": "3.7.9-2+deb12u2",
    "libx11": "2:1.8.4-2+deb12u2",
    "ghostscript": "10.0.0~dfsg-11+deb12u4",
    "exim4": "4.96-15+deb12u4",
    "redis": "5:7.0.15-1~deb12u1",
    "php8.2": "8.2.18-1~deb12u1",
    "linux": "6.1.90-1",
    "tar": "1.34+dfsg-1.2",
    "busybox": "1:1.35.0-4",
    "ffmpeg": "7:5.1.4-0+deb12u1",
    "git": "1:2.39.2-1.1",
    "shadow": "1:4.13+dfsg1-1",
    "ncurses": "6.4-4",
    "bash": "5.2.15-2",
    "nginx": "1.22.1-9",
    "nghttp2": "1.52.0-1+deb12u1",
    "dpkg": "1.21.22",
    "apt": "2.6.1",
    "wget": "1.21.3-1",
}


class Oracle:
    """The state of the feed as plain JSON, and its findings by the shortest way there is."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}

    def take(self, place: Path) -> None:
        with zipfile.ZipFile(place) as archive:
            for name in archive.namelist():
                if not name.endswith(".json"):
                    continue
                record = json.loads(archive.read(name))
                known = self.records.get(record["id"])
                if known is None or known["modified"] <= record["modified"]:
                    self.records[record["id"]] = record

    def findings(self) -> set[tuple[str, str]]:
        """CVEs of records of their own decide; else the highest fix of the DSAs."""
        own: dict[tuple[str, str], str | None] = {}
        advised: dict[tuple[str, str], list[str]] = {}
        for record in self.records.values():
            if record.get("withdrawn"):
                continue
            for package, fixed in _bookworm(record):
                if record["id"].startswith(("DSA", "DLA", "DTSA")):
                    cves = [n for n in record.get("related", []) if n.startswith("CVE-")]
                    for name in cves or [record["id"]]:
                        advised.setdefault((name, package), []).append(fixed or "")
                else:
                    own[record["id"], package] = fixed
        found = set()
        for key in own.keys() | advised.keys():
            installed = INSTALLED.get(key[1])
            fixed = own.get(key)
            if fixed is None and advised.get(key):
                fixed = max(advised[key], key=_Order)
            if installed and (fixed is None or compare(installed, fixed) < 0):
                found.add(key)
        return found


class _Order:
    def __init__(self, version: str) -> None:
        self.version = version

    def __lt__(self, other: _Order) -> bool:
        return compare(self.version, other.version) < 0


def _bookworm(record: Any) -> Iterator[tuple[str, str | None]]:
    for affected in record["affected"]:
        package = affected.get("package", {})
        if package.get("ecosystem") == "Debian:12":
            events = affected["ranges"][0]["events"]
            fixed = next((event["fixed"] for event in events if "fixed" in event), None)
            yield package["name"], fixed


REPLAY = "osv-replay-2024-07"


def the_whole(_: Path) -> list[Path]:
    root = whole(REPLAY)
    return [root / "base.zip", *sorted((root / "updates").iterdir())]


def an_excerpt(folder: Path) -> list[Path]:
    root = EXCERPTS / REPLAY
    parts = [root / "base.jsonl", *sorted((root / "updates").iterdir())]
    return [
        osv_export(folder / f"{part.stem}.zip", part.relative_to(EXCERPTS).as_posix())
        for part in parts
    ]


@pytest.mark.parametrize(("places", "count"), [(an_excerpt, 11), (the_whole, 52)])
def test_every_new_finding_is_said_once_at_the_update_that_brought_it(
    places: Callable[[Path], list[Path]], count: int, tmp_path: Path
) -> None:
    replay = places(tmp_path)
    path, ledger = tmp_path / "advisories.sqlite", Ledger(tmp_path / "reported.sqlite")
    store = InventoryStore(tmp_path / "inventories")
    store.put(_inventory())
    oracle = Oracle()
    said: set[tuple[str, str]] = set()
    openssh = ""
    for place in replay:
        source = Source(KNOWN["osv-debian"], (str(place),))
        rules = Rules(fake.NOW, delta=place.name != "base.zip")
        outcome = update(path, [source], rules, Silent())[0]
        assert outcome.status == "updated", outcome.reason
        oracle.take(place)
        expected = oracle.findings()
        with Database(path) as database:
            result = rescan(store, database, ledger, NoIndex())[0]
        new = {(finding.id, finding.package) for finding in result.new}
        assert result.raw == len(expected)
        if place.name == "base.zip":
            assert new == set()
            said = expected
            continue
        assert new == expected - said, place.name
        said |= expected
        if ("CVE-2024-6387", "openssh") in new:
            openssh = place.name
    assert len(replay) == count
    assert openssh == "2024-07-01T120543Z.zip"


def test_what_went_away_and_came_back_is_not_said_again(tmp_path: Path) -> None:
    path, ledger = tmp_path / "advisories.sqlite", Ledger(tmp_path / "reported.sqlite")
    store = InventoryStore(tmp_path / "inventories")
    store.put(_inventory())
    news = []
    for fixed in ("1.0-1", "9.0-1", "1.0-1", "9.0-1"):
        record = fake.osv("CVE-2024-0001", "bash", {"Debian:12": fixed})
        with fake.database(path, osv_debian=fake.write_records(tmp_path / "osv", [record])) as db:
            news.append([found.id for found in rescan(store, db, ledger, NoIndex())[0].new])
    assert news == [[], ["CVE-2024-0001"], [], []]


def test_a_temporary_identifier_that_becomes_a_cve_is_not_new(tmp_path: Path) -> None:
    path, ledger = tmp_path / "advisories.sqlite", Ledger(tmp_path / "reported.sqlite")
    store = InventoryStore(tmp_path / "inventories")
    store.put(_inventory())
    listing = tmp_path / "list"
    news = []
    for head in ("CVE-2024-0001 (x)", "CVE-2024-XXXX [odd]", "CVE-2024-7777 (odd)"):
        bug = "" if "0001" in head else " (bug #1012345)"
        package = "tar" if "0001" in head else "bash"
        listing.write_text(f"{head}\n\t- {package} <unfixed>{bug}\n")
        with fake.database(path, debian_annotations=listing) as database:
            news.append([found.id for found in rescan(store, database, ledger, NoIndex())[0].new])
    assert news[0] == []
    assert [name[:12] for name in news[1]] == ["TEMP-1012345"]
    assert news[2] == []


def test_an_image_that_is_new_to_the_ledger_begins_with_what_it_has(tmp_path: Path) -> None:
    path, ledger = tmp_path / "advisories.sqlite", Ledger(tmp_path / "reported.sqlite")
    store = InventoryStore(tmp_path / "inventories")
    store.put(_inventory("one"))
    first = fake.write_records(
        tmp_path / "first", [fake.osv("CVE-2024-0001", "bash", {"Debian:12": None})]
    )
    with fake.database(path, osv_debian=first) as database:
        rescan(store, database, ledger, NoIndex())
    second = fake.write_records(
        tmp_path / "second",
        [fake.osv(f"CVE-2024-000{n}", "bash", {"Debian:12": None}) for n in (1, 2)],
    )
    store.put(_inventory("two"))
    with fake.database(path, osv_debian=second) as database:
        results = {each.image: each for each in rescan(store, database, ledger, NoIndex())}
    # Both share every package; the one that was there is told, the new one is its own beginning.
    assert [found.id for found in results["one"].new] == ["CVE-2024-0002"]
    assert results["two"].new == ()
    assert results["one"].raw == results["two"].raw == 2


def test_an_image_of_an_unknown_release_has_no_count(tmp_path: Path) -> None:
    store = InventoryStore(tmp_path / "inventories")
    store.put(_inventory("old", version_id="9"))
    record = fake.osv("CVE-2024-0001", "bash", {"Debian:12": None})
    place = fake.write_records(tmp_path / "osv", [record])
    with fake.database(tmp_path / "a.sqlite", osv_debian=place) as database:
        result = rescan(store, database, Ledger(tmp_path / "reported.sqlite"), NoIndex())[0]
    assert (result.raw, result.after_vex) == (None, None)
    assert "unknown, not zero" in result.reason


def test_each_image_of_a_strange_distribution_has_its_own_name_in_the_reason(
    tmp_path: Path,
) -> None:
    store = InventoryStore(tmp_path / "inventories")
    for name in ("one", "two"):
        store.put(_inventory(name, distribution="strange"))
    record = fake.osv("CVE-2024-0001", "bash", {"Debian:12": None})
    place = fake.write_records(tmp_path / "osv", [record])
    with fake.database(tmp_path / "a.sqlite", osv_debian=place) as database:
        results = rescan(store, database, Ledger(tmp_path / "reported.sqlite"), NoIndex())
    assert [result.reason.partition(":")[0] for result in results] == ["one", "two"]


def _inventory(
    name: str = "base", version_id: str = "12", distribution: str = "debian"
) -> Inventory:
    digest = Digest(f"sha256:{name.encode().hex():0>64}")
    packages = tuple(
        Package(
            source, version, "deb", "/var/lib/dpkg/status", source=source, source_version=version
        )
        for source, version in INSTALLED.items()
    )
    release = fake.Distribution(distribution, version_id, "")
    return Inventory(ImageIdentity(name, "store", digest, digest), release, packages)
