"""The watcher on the live archive: published from the release suite, then security is added.

Layers and packages are those that the catalog's build left; only what the release suite has older
is fetched and made.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.data.find import osv_export
from tests.fakes.running_server import serving

from ironhull.engine.find import EngineSettings
from ironhull.lock.file import read_lock
from ironhull.settings import Settings
from ironhull.signing.keyring import Keyring
from ironhull.watch.policy import WatchPolicy
from ironhull.workspace.advising import update_advisories
from ironhull.workspace.attestations import attestations
from ironhull.workspace.history import history
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import pull
from ironhull.workspace.repositories import distributions_own
from ironhull.workspace.verifying import verify
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watching import Watcher, opened_state

pytestmark = pytest.mark.real
IMAGES = ("node/debian-13/20", "nginx/debian-13/1.26", "static/debian-13/13")


@dataclass
class Shop:
    folder: Path
    settings: Settings
    publish: str

    @property
    def machine(self) -> Machine:
        return Machine(self.settings)

    def watch(self) -> Round:
        chosen = WatchChoices(self.publish, WatchPolicy(), advisories=None)
        with opened_state(self.machine) as state:
            return Watcher(self.machine, chosen, state).once()

    def packages(self, name: str, images: Path) -> dict[str, list[tuple[str, str]]]:
        lock = read_lock(images / f"{name}.lock.json")
        return {
            platform: [(package.name, package.sha256) for package in locked.packages]
            for platform, locked in lock.platforms.items()
        }


def named(file: str) -> str:
    image, distribution, stem = file.split("/")
    return f"{image}:{stem}-{distribution.replace('-', '')}"


@pytest.fixture
def shop(catalog: Path, home_with_layers: Path, podman_settings: EngineSettings, tmp_path: Path):
    """Three images of the catalog with the release suite alone, a key, advisories, a registry."""
    images = tmp_path / "images"
    shutil.copytree(
        catalog / "images", images, ignore=shutil.ignore_patterns("*.lock.json", "debian-12")
    )
    for path in images.glob("[a-z]*/debian-13/*.yaml"):
        if str(path.relative_to(images).with_suffix("")) not in IMAGES:
            path.unlink()
    # An image may hold packages' layers of the whole archive; its indexes are there as well.
    shutil.copytree(catalog / "home/cache/archive", home_with_layers / "cache/archive")
    settings = Settings(
        home=home_with_layers,
        catalog=images,
        max_advisory_age=None,
        podman=podman_settings.podman,
        environment=dict(os.environ),
    )
    machine = Machine(settings)
    Keyring(machine.home.keys).generate("shop", None, datetime.now(UTC))
    update_advisories(machine, [f"osv-debian={osv_export(tmp_path / 'all.zip')}"])
    (repository, *_) = distributions_own(settings, "debian-13")
    release = f"deb {repository.uri} trixie main"
    with serving(tmp_path / "registry") as server:
        yield Shop(tmp_path, replace(settings, mirror=release), f"{server.host}/base")


def test_fixes_of_the_security_suite_reach_the_registry_and_no_other_image_moves(
    shop: Shop, catalog: Path
) -> None:
    first = shop.watch()
    assert {name: one.result for name, one in first.done.items()} == dict.fromkeys(
        map(named, IMAGES), "published"
    ), {name: one.detail for name, one in first.done.items()}
    before = {file: shop.packages(file, shop.settings.catalog) for file in IMAGES}
    # What the catalog's own build has locked with all suites says what is affected.
    affected = {file for file in IMAGES if before[file] != shop.packages(file, catalog / "images")}
    assert "node/debian-13/20" in affected

    shop.settings = replace(shop.settings, mirror=None)
    second = shop.watch()
    assert {name: one.result for name, one in second.done.items()} == dict.fromkeys(
        map(named, affected), "published"
    ), {name: one.detail for name, one in second.done.items()}
    for file in affected:
        image, _, stem = file.split("/")
        place, name = f"{shop.publish}/{image}", named(file)
        assert shop.packages(file, shop.settings.catalog) == shop.packages(file, catalog / "images")
        kinds = {each.word for each in attestations(shop.machine, f"{place}:{stem}")[2]}
        assert {"provenance", "tests", "vulnerabilities", "vex", "cyclonedx"} <= kinds
        assert verify(shop.machine, f"{place}:{stem}").passed
        assert len(history(shop.machine, place).entries) == 2
        old = first.done[name]
        assert pull(shop.machine, f"{place}@{old.digest}").done.root.digest == old.digest
        assert pull(shop.machine, f"{place}:{old.tag}").done.root.digest == old.digest
    third = shop.watch()
    assert (third.entries, third.done) == ((), {})
