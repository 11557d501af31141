"""What images of one round share in a worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.advisories import bring, osv, write_records
from tests.fakes.registry import FakeRegistry

from ironhull.errors import InputError, NotFoundError
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory
from ironhull.oci.digest import digest_of
from ironhull.oci.reference import Reference
from ironhull.settings import Settings
from ironhull.state.watch_records import ImageState
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.task import Task
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_shared import Shared, shared_in


def task_of(home: Path, round_: str) -> Task:
    settings = Settings(home=home, catalog=home)
    return Task(settings, "app", home, ImageState("app"), "", WatchPolicy(), round=round_)


def test_images_of_a_round_share_the_archive_and_those_of_the_next_do_not(tmp_path: Path) -> None:
    task = task_of(tmp_path, "1")
    machine = Machine(task.settings)
    with shared_in(task, machine) as first, shared_in(replace(task, name="web"), machine) as second:
        assert first is second
        assert first.locking is second.locking
    with shared_in(replace(task, round="2"), machine) as other:
        assert other is not first


def test_images_of_a_round_share_the_open_inventories_until_they_are_closed(tmp_path: Path) -> None:
    shared = Shared(Machine(Settings(home=tmp_path, catalog=tmp_path)))
    for name in ("app", "web"):
        identity = ImageIdentity(name, "store", manifest=digest_of(name.encode()))
        shared.inventories.put(Inventory(identity, Distribution("debian")))
        assert (tmp_path / "inventories/packages.sqlite-wal").exists()
    shared.close()
    assert not (tmp_path / "inventories/packages.sqlite-wal").exists()
    assert [each.name for each in shared.inventories.images()] == ["app", "web"]
    shared.close()


def test_images_of_a_round_see_the_advisories_of_one_moment(tmp_path: Path) -> None:
    machine = Machine(Settings(home=tmp_path, catalog=tmp_path))
    shared = Shared(machine)
    with pytest.raises(InputError):
        _ = shared.advisories
    one = osv("CVE-2025-0001", "openssl", {"Debian:13": "3.5.1-1"})
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [one]))
    first = shared.advisories
    other = osv("CVE-2025-0002", "openssl", {"Debian:13": "3.5.1-1"})
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [other]))
    assert shared.advisories is first
    assert [feed.records for feed in first.feeds] == [1]
    shared.close()
    assert [feed.records for feed in shared.advisories.feeds] == [2]
    shared.close()


def test_a_task_of_no_round_shares_nothing(tmp_path: Path) -> None:
    task = task_of(tmp_path, "")
    machine = Machine(task.settings)
    with shared_in(task, machine) as first, shared_in(task, machine) as second:
        assert first is not second


def test_images_of_a_round_ask_a_registry_over_the_same_connection(tmp_path: Path) -> None:
    shared = Shared(Machine(Settings(home=tmp_path, catalog=tmp_path)))
    with FakeRegistry() as registry:
        registry.put_manifest("app", "1", "application/vnd.oci.image.manifest.v1+json", b"{}")
        seen = []
        for _ in range(2):
            with shared.registries() as opened:
                seen.append(opened.repository(Reference.parse(f"{registry.host}/app")).session)
                assert opened.repository(Reference.parse(f"{registry.host}/app")).tags() == ["1"]
        assert seen[0] is seen[1]
        shared.close()


def test_an_image_that_fails_leaves_no_connection_to_the_next(tmp_path: Path) -> None:
    shared = Shared(Machine(Settings(home=tmp_path, catalog=tmp_path)))
    with pytest.raises(NotFoundError), shared.registries() as broken:
        raise NotFoundError("nothing")
    with shared.registries() as opened:
        assert opened is not broken
    shared.close()
