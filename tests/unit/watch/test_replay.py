"""July 2024 once more, for a watcher: each update plans the images that it concerns, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.definition import definition
from tests.unit.scan.test_replay import INSTALLED, Oracle, an_excerpt, the_whole

from ironhull.advisories.database import Database
from ironhull.advisories.feeds.known import KNOWN
from ironhull.advisories.update import Rules, Source, update
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package
from ironhull.oci.digest import Digest
from ironhull.progress import Silent
from ironhull.scan.standing import standing_findings
from ironhull.state.connecting import sqlite_url
from ironhull.state.inventories import InventoryStore
from ironhull.state.watch_records import Event, ImageState, stamp
from ironhull.state.watching import WatchState
from ironhull.watch.model import CauseKind, Wanted
from ironhull.watch.plan import Observed, plan
from ironhull.workspace.watch_observing import fix_of

IMAGES = {
    "web": ("openssl", "nginx", "glibc", "zlib", "nghttp2"),
    "shell": ("openssh", "openssl", "bash", "glibc", "ncurses"),
    "tools": ("git", "curl", "perl", "glibc", "expat"),
    "empty": ("dpkg",),
}


def key(image: str) -> str:
    return f"sha256:{image.encode().hex():0>64}"


def inventory(image: str) -> Inventory:
    digest = Digest(key(image))
    packages = tuple(
        Package(
            name, INSTALLED[name], "deb", "/var/lib/dpkg/status",
            source=name, source_version=INSTALLED[name],
        )
        for name in IMAGES[image]
    )  # fmt: skip
    identity = ImageIdentity(image, "store", digest, digest)
    return Inventory(identity, Distribution("debian", "12", "bookworm"), packages)


@pytest.mark.parametrize("places", [an_excerpt, the_whole])
def test_each_finding_is_seen_at_its_update_by_one_entry_for_each_image(
    places: Callable[[Path], list[Path]], tmp_path: Path
) -> None:
    store, path = InventoryStore(tmp_path / "inventories"), tmp_path / "advisories.sqlite"
    for image in IMAGES:
        store.put(inventory(image))
    catalog = [Wanted(image, Path(image), definition(), None, "same") for image in IMAGES]
    states = {
        image: ImageState(image, published=key(image), inputs="same", state="current")
        for image in IMAGES
    }
    oracle, known, planned = Oracle(), set[tuple[str, str]](), 0
    now = fake.NOW
    with WatchState(sqlite_url(tmp_path / "state.sqlite"), lambda: now) as state:
        for place in places(tmp_path):
            rules = Rules(fake.NOW, delta=place.name != "base.zip")
            update(path, [Source(KNOWN["osv-debian"], (str(place),))], rules, Silent())
            oracle.take(place)
            expected = {
                (name, image)
                for name, package in oracle.findings()
                for image, packages in IMAGES.items()
                if package in packages
            }
            first = place.name == "base.zip"
            now = (
                fake.NOW
                if first
                else datetime.strptime(place.stem, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)
            )
            with Database(path) as database:
                found = standing_findings(
                    store, database, fake.options(), {key(image) for image in IMAGES}
                )
            seen = state.seen()
            fresh = {
                image: fixes
                for image in IMAGES
                if (
                    fixes := [
                        fix_of(finding)
                        for name, finding in found[key(image)].items()
                        if (name, image) not in seen
                    ]
                )
            }
            entries = plan(catalog, Observed(states, found=fresh))
            told = {(fix.vulnerability, each.name) for each in entries for fix in each.fixes}
            assert told == expected - known, place.name
            assert len({each.name for each in entries}) == len(entries)
            assert {c.kind for e in entries for c in e.causes} <= {CauseKind.ADVISORY}
            state.happened([Event(name, image, "seen", stamp(now)) for name, image in told])
            assert plan(catalog, Observed(states)) == []
            known |= expected
            planned += 0 if first else len(entries)
        assert planned
        (event,) = state.events(vulnerability="CVE-2024-6387")
        assert (event.image, event.at) == ("shell", "2024-07-01T12:05:43.000Z")
