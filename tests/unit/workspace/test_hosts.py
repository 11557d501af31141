"""Hosts that share layers through a registry, each with a home and a catalog of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import APP, TOOL, Watched, published

from ironhull.lock.file import lock_path
from ironhull.oci.reference import Reference
from ironhull.registry.client.places import RegistrySource
from ironhull.state.watch_records import ImageState
from ironhull.watch.task import Outcome, Task, digest_of_file
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_steps import work


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("registry") / "store") as running:
        yield running


class Hosts(Watched):
    """The watcher's host; `other` is a second one, with nothing but keys, feed and catalog."""

    def __init__(self, folder: Path, server: RunningServer) -> None:
        self.place = f"{server.host}/{folder.name.replace('_', '-')}"
        super().__init__(folder, f"{self.place}/base")
        # Each host has the key with which layers are signed.
        believed = self.machine.home.keys / "shop.pub"
        self.settings = replace(
            self.settings, layer_cache=f"{self.place}/layers", layer_cache_key=believed
        )
        self.machine = Machine(self.settings, self.notes)

    def other(self, **more: object) -> Machine:
        home, images = self.folder / "home2", self.folder / "images2"
        for name in ("keys", "advisories"):
            shutil.copytree(self.folder / "home" / name, home / name)
        shutil.copytree(self.folder / "images", images)
        settings = replace(self.settings, home=home, catalog=images, **more)  # type: ignore[arg-type]
        return Machine(settings, self.notes)

    def task(self, machine: Machine, name: str, state: ImageState | None = None) -> Task:
        """As the watcher gives it to a worker, which is the other host."""
        image = name.partition(":")[0]
        path = machine.settings.catalog / f"{image}/debian-13/1.yaml"
        here = self.folder / f"images/{image}/debian-13/1.yaml"
        lock = lock_path(here)
        return Task(
            machine.settings, name, path, state or ImageState(name), self.publish, self.policy,
            lock=lock.read_bytes() if lock.exists() else b"", source=digest_of_file(here),
        )  # fmt: skip

    def work(self, machine: Machine, task: Task) -> Outcome:
        return work(task, progress=machine.progress)

    def statements(self) -> int:
        with registries(self.machine) as opened:
            repository = opened.repository(Reference.parse(f"{self.publish}/app"))
            source = RegistrySource(repository, "1")
            index = source.root()
            return sum(len(source.referrers(each.digest)) for each in index.manifests)


@pytest.fixture
def hosts(tmp_path: Path, server: RunningServer) -> Hosts:
    return Hosts(tmp_path, server)


def test_what_one_host_has_made_the_other_takes_and_needs_no_package_for_it(hosts: Hosts) -> None:
    assert hosts.results(hosts.watch()) == published([APP, TOOL])
    with hosts.state() as state:
        first = state.image(APP)
    other = hosts.other()
    for path in (hosts.folder / "mirror").rglob("*.deb"):
        path.unlink()
    done = hosts.work(other, hosts.task(other, APP, first))
    assert (done.result, done.digest) == ("unchanged", first.published), done.detail
    assert not any(path.is_file() for path in other.home.packages.root.rglob("*"))


def test_what_another_host_has_said_of_what_is_published_is_not_said_twice(hosts: Hosts) -> None:
    hosts.watch()
    before = hosts.statements()
    assert before > 3
    with hosts.state() as state:
        known = state.image(APP)
    other = hosts.other()
    assert hosts.work(other, hosts.task(other, APP, known)).result == "unchanged"
    assert hosts.statements() == before


def test_the_lock_of_the_watcher_counts_and_is_what_it_gets_back(hosts: Hosts) -> None:
    hosts.watch()
    with hosts.state() as state:
        known = state.image(APP)
    other = hosts.other()
    path = other.settings.catalog / "app/debian-13/1.lock.json"
    lock = path.read_bytes()
    path.unlink()
    done = hosts.work(other, hosts.task(other, APP, known))
    assert done.result == "unchanged"
    assert done.lock == lock


def test_a_host_with_another_catalog_works_on_nothing(hosts: Hosts) -> None:
    hosts.watch()
    other = hosts.other()
    path = other.settings.catalog / "app/debian-13/1.yaml"
    path.write_text(path.read_text() + "# another\n")
    done = hosts.work(other, hosts.task(other, APP))
    assert (done.result, done.own, done.step) == ("failed", False, "lock")
    assert "is another one on this host" in done.detail


def test_without_the_registry_each_host_makes_its_own_and_says_so(hosts: Hosts) -> None:
    hosts.watch()
    with hosts.state() as state:
        first = state.image(APP)
    other = hosts.other(layer_cache="127.0.0.1:9/layers")
    done = hosts.work(other, replace(hosts.task(other, APP), target=""))
    assert done.digest == first.published
    assert any("the cache of layers is not used any more" in note for note in hosts.notes.notes)
