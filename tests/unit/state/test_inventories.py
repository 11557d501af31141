import json
import os
import sqlite3
import threading
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from ironhull.errors import EnvironmentProblem, NotFoundError
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package
from ironhull.oci.digest import Digest, digest_of
from ironhull.state.inventories import InventoryStore

CURL = Package("curl", "7.88.1-10", "deb", "/var/lib/dpkg/status", "", "amd64", "curl", "7.88.1-10")
BASH = Package("bash", "5.2", "deb", "/var/lib/dpkg/status", "", "amd64", "bash", "5.2")


def inventory(name: str, *packages: Package) -> Inventory:
    identity = ImageIdentity(name, "store", manifest=digest_of(name.encode()))
    return Inventory(identity, Distribution("debian", "12", "bookworm"), packages)


@pytest.fixture
def store(tmp_path: Path) -> InventoryStore:
    return InventoryStore(tmp_path / "inventories")


def test_what_was_put_comes_back(store: InventoryStore) -> None:
    one = inventory("one:1", CURL)
    store.put(one)
    assert store.get(one.image.key) == one
    assert store.get(Digest("sha256:" + "0" * 64)) is None
    assert list(store) == [one]


def test_a_folder_without_a_digest_is_not_kept(store: InventoryStore) -> None:
    store.put(Inventory(ImageIdentity("/srv", "rootfs"), Distribution()))
    assert list(store) == []
    assert store.get("") is None


def test_a_package_of_many_images_is_one_row(store: InventoryStore) -> None:
    for number in range(5):
        store.put(inventory(f"image:{number}", CURL, BASH))
    installed = store.installed()
    assert len(store.packages()) == 2
    assert [len(numbers) for numbers in installed.values()] == [2] * 5
    assert [image.name for image in store.images()] == [f"image:{number}" for number in range(5)]


def test_an_inventory_put_again_replaces_the_old_one(store: InventoryStore) -> None:
    first = inventory("one:1", CURL, BASH)
    store.put(first)
    store.put(replace(first, packages=(CURL,)))
    assert [len(numbers) for numbers in store.installed().values()] == [1]
    assert len(store.images()) == 1


def test_a_removed_inventory_is_gone(store: InventoryStore) -> None:
    one = inventory("one:1", CURL)
    store.put(one)
    store.remove(one.image.key)
    assert store.images() == []
    assert store.get(one.image.key) is None
    with pytest.raises(NotFoundError):
        store.remove(one.image.key)


def test_a_lost_database_is_made_again_from_the_files(store: InventoryStore) -> None:
    one, two = inventory("one:1", CURL), inventory("two:1", BASH)
    store.put(one)
    store.put(two)
    for path in store.root.glob("packages.sqlite*"):
        path.unlink()
    (store.root / ("0" * 64 + ".json")).write_text("{}")
    assert list(store) == [one, two]
    assert not (store.root / ("0" * 64 + ".json")).exists()


def test_who_puts_many_keeps_the_database_open_and_others_see_each_at_once(tmp_path: Path) -> None:
    many, other = InventoryStore(tmp_path, keeping=True), InventoryStore(tmp_path)
    for number in range(3):
        many.put(inventory(f"image:{number}", CURL))
        other.put(inventory(f"other:{number}", BASH))
        assert many.images() == other.images()
    many.close()
    many.put(inventory("later:1", CURL))
    assert len(other.images()) == 7
    many.close()
    assert not list(tmp_path.glob("packages.sqlite-*"))


def test_a_database_that_is_lost_while_it_is_open_is_made_again(tmp_path: Path) -> None:
    many = InventoryStore(tmp_path, keeping=True)
    many.put(inventory("one:1", CURL))
    for path in tmp_path.glob("packages.sqlite*"):
        path.unlink()
    many.put(inventory("two:1", BASH))
    assert [image.name for image in InventoryStore(tmp_path).images()] == ["one:1", "two:1"]
    many.close()
    assert [image.name for image in InventoryStore(tmp_path).images()] == ["one:1", "two:1"]


def test_a_database_that_is_replaced_while_it_is_opened_is_not_taken_for_the_open_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many, real = InventoryStore(tmp_path, keeping=True), sqlite3.connect
    many.put(inventory("one:1", CURL))
    many.close()

    def connect(*words: object, **more: object) -> sqlite3.Connection:
        opened = real(*words, **more)  # type: ignore[call-overload]
        opened.execute("PRAGMA user_version").fetchone()
        monkeypatch.undo()
        for path in tmp_path.glob("packages.sqlite*"):
            path.unlink()
        InventoryStore(tmp_path).put(inventory("two:1", BASH))
        return opened  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", connect)
    many.images()
    many.put(inventory("three:1", BASH))
    assert [each.name for each in InventoryStore(tmp_path).images()] == [
        "one:1",
        "three:1",
        "two:1",
    ]
    many.close()


def _put_and_die(root: Path) -> None:
    InventoryStore(root, keeping=True).put(inventory("one:1", CURL))
    os._exit(1)


def test_what_a_process_put_is_there_though_it_never_closed_the_database(tmp_path: Path) -> None:
    process = get_context("fork").Process(target=_put_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 1
    assert [image.name for image in InventoryStore(tmp_path).images()] == ["one:1"]


def test_a_damaged_file_counts_as_absent(store: InventoryStore) -> None:
    one = inventory("one:1", CURL)
    store.put(one)
    store.path(one.image.key).write_text('{"schema": "ironhull-inventory-0"}')
    assert store.get(one.image.key) is None


@pytest.mark.parametrize("keeping", [False, True])
def test_several_threads_may_put_at_once(tmp_path: Path, keeping: bool) -> None:
    store = InventoryStore(tmp_path, keeping=keeping)
    threads = [
        threading.Thread(target=store.put, args=(inventory(f"image:{number}", CURL),))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.images()) == 8
    store.close()


def _put(place: tuple[Path, int]) -> str:
    root, number = place
    key = f"sha256:{number:064x}"
    image = ImageIdentity(f"x{number}", "store", Digest(key), Digest(key))
    try:
        InventoryStore(root).put(Inventory(image, Distribution("debian")))
    except EnvironmentProblem as error:
        return str(error)
    return ""


def test_processes_that_are_all_the_first_do_not_stumble(tmp_path: Path) -> None:
    with get_context("fork").Pool(4) as pool:
        for attempt in range(15):
            root = tmp_path / str(attempt)
            assert pool.map(_put, [(root, number) for number in range(4)], 1) == [""] * 4
            assert len(InventoryStore(root).images()) == 4


def test_what_an_older_reader_stored_is_kept_and_does_not_count_as_known(
    store: InventoryStore,
) -> None:
    one = inventory("one:1", CURL)
    store.put(one)
    path = store.path(one.image.key)
    value = json.loads(path.read_bytes())
    del value["reader"]
    path.write_text(json.dumps(value))
    assert store.get(one.image.key) is None
    assert list(store) == [one]
