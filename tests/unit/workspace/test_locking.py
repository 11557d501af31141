"""Locks of images that follow others: the digest that a tag is at, and what holds without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.deb import file
from tests.fakes.running_server import serving
from tests.fakes.watched import Watched

from ironhull.errors import EnvironmentProblem, LockError
from ironhull.lock.file import lock_path, read_lock
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import push


@pytest.fixture
def shop(tmp_path: Path) -> Watched:
    return Watched(tmp_path, key=False)


def follow(shop: Watched, reference: str, **more: str) -> Path:
    return shop.define(
        "mid",
        "base",
        artifacts="{name: 'app@${BASE}', includes: [usr/share/app]}",
        track=f"[{{type: oci_artifact, package: '{reference}', set: BASE}}]",
        **more,
    )


def build(shop: Watched, *names: str, update: bool = True, machine: Machine | None = None) -> str:
    """The digest of the last one."""
    built = build_images(machine or shop.machine, names, BuildChoices(update=update))
    return str(built[-1].descriptor.digest)


def offer(shop: Watched, text: str) -> None:
    shop.offer(shop.deb("app", text, files={"usr/share/app/data": file(text)}))


def test_a_lock_has_the_digest_that_the_stores_tag_is_at_and_keeps_it(shop: Watched) -> None:
    offer(shop, "1")
    path = follow(shop, "app:1")
    first = build(shop, "app:1")
    mid = build(shop, "mid:1")
    assert read_lock(lock_path(path)).variables == {"BASE": first}

    offer(shop, "2")
    second = build(shop, "app:1")
    assert second != first
    assert build(shop, "mid:1", update=False) == mid, "a build from the lock is the same image"
    locking = Locking(shop.machine)
    assert locking.lock("mid:1", check=True).status == "stale"
    moved = locking.lock("mid:1", update=True)
    assert moved.status == "updated"
    assert moved.lock.variables == {"BASE": second}
    assert build(shop, "mid:1", update=False) != mid


def test_without_any_value_the_error_says_where_and_what_to_do(shop: Watched) -> None:
    path = follow(shop, "app:1")
    with pytest.raises(EnvironmentProblem) as caught:
        Locking(shop.machine).lock("mid:1")
    assert str(caught.value) == (
        f"{path}:14:9: app:1, which files are taken from, has no digest: the store does not have "
        "it; build it first, or give BASE a value under 'vars'"
    )
    assert not lock_path(path).exists()


def test_a_tag_that_is_gone_leaves_what_the_lock_has_and_before_that_what_vars_say(
    shop: Watched,
) -> None:
    offer(shop, "1")
    digest = build(shop, "app:1")
    path = follow(shop, "other:1", vars=f"{{BASE: '{digest}'}}")
    build(shop, "mid:1")
    assert shop.notes.notes[-1].endswith("what 'vars' says holds")
    assert read_lock(lock_path(path)).variables == {}

    follow(shop, "app:1")
    Locking(shop.machine).lock("mid:1", update=True)
    shop.machine.home.store.untag(["app:1", "app:1-debian13"])
    assert Locking(shop.machine).lock("mid:1", update=True).lock.variables == {"BASE": digest}
    said = [note for note in shop.notes.notes if note.endswith("what the lock has holds")]
    assert len(said) == 1


def test_a_lock_without_the_digest_is_no_answer(shop: Watched) -> None:
    offer(shop, "1")
    digest = build(shop, "app:1")
    shop.define("mid", "base", artifacts=f"{{name: 'app@{digest}', includes: [usr/share/app]}}")
    build(shop, "mid:1")
    follow(shop, "app:1")
    with pytest.raises(LockError, match="has no digest of app:1, which the definition takes files"):
        Definitions(shop.machine).locked("mid:1")


def test_a_registry_is_asked_where_its_tag_is_unless_nothing_may_be_fetched(
    shop: Watched, tmp_path: Path
) -> None:
    offer(shop, "1")
    with serving(tmp_path / "registry") as server:
        place = f"{server.host}/team/lib:7"
        digest = build(shop, "app:1")
        push(shop.machine, "app:1", [place])
        path = follow(shop, f"oci://{place}")
        build(shop, "mid:1")
        assert read_lock(lock_path(path)).variables == {"BASE": digest}
    # The registry is gone by now.
    offline = Machine(replace(shop.settings, offline=True), shop.notes)
    build(shop, "mid:1", update=False, machine=offline)
    assert shop.notes.notes == []
    locked = Locking(offline).lock("mid:1", update=True).lock
    assert locked.variables == {"BASE": digest}
    assert shop.notes.notes == [
        f"warning: oci://{place}: no registry is asked (offline): what the lock has holds"
    ]
