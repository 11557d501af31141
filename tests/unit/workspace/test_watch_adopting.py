"""A watcher whose state was lost, beside what it has published: what it takes for its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import file, program
from tests.fakes.registry import FakeRegistry
from tests.fakes.running_server import RunningServer
from tests.fakes.watched import APP, TOOL, Watched, published

from ironhull.oci.reference import Reference
from ironhull.signing.keyring import Keyring
from ironhull.watch.facts import Gate
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import copy
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_deciding import approve
from ironhull.workspace.watch_reading import plan_now
from ironhull.workspace.watching import Watcher

NEW = "new:1-debian13"
LISTENER = b"\x7fELF" + bytes(60) + b"\0socket\0listen\0accept4\0"
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 somebody
License: GPL-3
"""


def lose_state(shop: Watched) -> None:
    for path in shop.machine.home.watch_state.parent.glob(f"{shop.machine.home.watch_state.name}*"):
        path.unlink()


def new_machine(shop: Watched) -> None:
    """All of the home is gone but its keys and the advisories."""
    for path in shop.machine.home.root.iterdir():
        if path.name not in (shop.machine.home.keys.name, "advisories"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def tags(shop: Watched, image: str) -> dict[str, str]:
    with registries(shop.machine) as opened:
        repository = opened.repository(Reference.parse(f"{shop.publish}/{image}"))
        return {tag: str(repository.has_manifest(tag)) for tag in repository.tags()}


@pytest.mark.parametrize("lose", [lose_state, new_machine])
def test_what_is_published_already_is_not_published_again(shop: Watched, lose: object) -> None:
    shop.watch()
    before = tags(shop, "app")
    lose(shop)  # type: ignore[operator]
    found = shop.watch()
    assert shop.results(found) == {APP: "unchanged", TOOL: "unchanged"}
    assert tags(shop, "app") == before
    with shop.state() as state:
        known = state.image(APP)
        assert (known.published, known.state) == (before["1"], "current")
        assert known.facts
    assert shop.watch().entries == ()


@pytest.mark.parametrize("lose", [lose_state, new_machine])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"files": {"usr/bin/su": program("su", 0o4755)}},
            "/usr/bin/su (4755 uid 0) runs as another user",
        ),
        ({"scripts": {"postinst": "#!/bin/sh\n"}}, "extra: postinst is a new maintainer script"),
        (
            {"files": {"usr/sbin/d": program(LISTENER)}},
            "extra: /usr/sbin/d can listen for connections",
        ),
        (
            {"files": {"usr/share/doc/extra/copyright": file(COPYRIGHT)}},
            "GPL-3.0-only is a new licence",
        ),
    ],
)
def test_what_is_worse_than_what_is_published_is_held_without_a_state_too(
    shop: Watched, lose: object, more: dict[str, object], reason: str
) -> None:
    shop.policy = replace(shop.policy, gate=Gate(growth=1.0))
    shop.define("app", "base, lib, app", hardening="{setuid: [/usr/bin/su]}")
    shop.watch()
    before = tags(shop, "app")
    lose(shop)  # type: ignore[operator]
    shop.offer(shop.deb("extra", "1", **more))
    shop.define("app", "base, lib, app, extra", hardening="{setuid: [/usr/bin/su]}")
    found = shop.watch()
    assert found.done[APP].result == "held", found.done[APP].detail
    assert found.done[APP].detail == reason, "and nothing else is new"
    assert shop.results(found)[TOOL] == "unchanged"
    assert tags(shop, "app") == before
    with shop.state() as state:
        approve(shop.machine, state, "app:1")
    assert shop.results(shop.watch()) == published([APP])


@pytest.mark.parametrize("lose", [lose_state, new_machine])
def test_findings_are_compared_with_those_of_what_is_published(shop: Watched, lose: object) -> None:
    shop.watch()
    lose(shop)  # type: ignore[operator]
    shop.offer(shop.deb("extra", "1"))
    shop.advise({"CVE-2026-0009": ("extra", None), "CVE-2026-0008": ("lib", None)})
    shop.define("app", "base, lib, app, extra")
    found = shop.watch()
    assert found.done[APP].result == "held"
    assert "2 open findings and had 1: CVE-2026-0009" in found.done[APP].detail


def test_a_package_that_is_as_it_was_before_is_nothing_new(shop: Watched) -> None:
    shop.offer(shop.deb("lib", "1", files={"usr/sbin/libd": program(LISTENER)}))
    shop.watch()
    lose_state(shop)
    shop.offer(shop.deb("lib", "2", files={"usr/sbin/libd": program(LISTENER)}))
    assert shop.results(shop.watch()) == {APP: "published", TOOL: "unchanged"}


def test_the_size_is_compared_with_that_of_what_is_published(shop: Watched) -> None:
    shop.watch()
    lose_state(shop)
    shop.offer(shop.deb("lib", "2", files={"usr/share/big": file(os.urandom(9_000))}))
    assert "% larger than before" in shop.watch().done[APP].detail


def test_a_program_that_a_newer_package_brings_is_new(shop: Watched) -> None:
    shop.watch()
    lose_state(shop)
    shop.offer(shop.deb("lib", "2", files={"usr/sbin/libd": program(LISTENER)}))
    found = shop.watch()
    assert found.done[APP].detail == "lib: /usr/sbin/libd can listen for connections"


@pytest.mark.parametrize("key", [True, False])
def test_the_own_store_is_what_is_published_without_a_target(tmp_path: Path, key: bool) -> None:
    shop = Watched(tmp_path, key=key)
    shop.watch()
    lose_state(shop)
    shop.offer(shop.deb("lib", "2", files={"usr/sbin/libd": program(LISTENER)}))
    found = shop.watch()
    assert shop.results(found) == {APP: "held", TOOL: "unchanged"}


def test_an_image_of_the_own_store_that_nobody_signed_is_none_where_a_key_signs(
    tmp_path: Path,
) -> None:
    shop = Watched(tmp_path, key=False)
    shop.watch()
    lose_state(shop)
    Keyring(shop.machine.home.keys).generate("shop", None, datetime.now(UTC))
    assert shop.results(shop.watch()) == published([APP, TOOL])
    said = [note for note in shop.notes.notes if "not taken for what is published" in note]
    assert [note.partition(": ")[0] for note in said] == [APP, TOOL]


@pytest.mark.parametrize(
    ("theirs", "ours", "result"),
    [(False, True, "published"), (True, False, "published"), (True, True, "failed")],
)
def test_an_image_that_nobody_believed_has_signed_is_not_adopted_and_said(
    tmp_path: Path, server: RunningServer, theirs: bool, ours: bool, result: str
) -> None:
    place = f"{server.host}/{tmp_path.name.replace('_', '-')}"
    Watched(tmp_path / "theirs", place, key=theirs).watch()
    shop = Watched(tmp_path / "ours", place, key=ours)
    with shop.state() as state:
        assert [each.name for each in plan_now(shop.machine, state, shop.choices())] == [APP, TOOL]
        assert state.complaints() == []
    shop.offer(shop.deb("lib", "2", files={"usr/sbin/libd": program(LISTENER)}))
    found = shop.watch()
    assert shop.results(found) == dict.fromkeys([APP, TOOL], result)
    said = [note for note in shop.notes.notes if "not taken for what is published" in note]
    assert [note.partition(": ")[0] for note in said] == [APP, TOOL]
    assert "no signature that counts" in said[0]
    if result == "failed":
        assert "no signature of it is by one of" in found.done[APP].detail
        return
    with shop.state() as state:
        assert [each for each in state.complaints() if each.subject == APP] == []


def test_another_image_of_ours_under_its_tags_is_not_adopted(shop: Watched) -> None:
    shop.watch()
    lose_state(shop)
    copy(shop.machine, f"{shop.publish}/tool:1", f"{shop.publish}/app:1")
    copy(shop.machine, f"{shop.publish}/tool:1", f"{shop.publish}/app:1-debian13")
    assert shop.results(shop.watch()) == {APP: "published", TOOL: "unchanged"}
    (said,) = [note for note in shop.notes.notes if "not taken for what is published" in note]
    assert "it says that it is 'tool', not 'app'" in said


def test_tags_that_are_at_several_images_are_nothing_that_is_published(shop: Watched) -> None:
    shop.watch()
    lose_state(shop)
    copy(shop.machine, f"{shop.publish}/tool:1", f"{shop.publish}/app:1")
    assert shop.results(shop.watch()) == {APP: "published", TOOL: "unchanged"}


def logged_in(tmp_path: Path, registry: FakeRegistry, password: str = "secret") -> Watched:
    """A shop that publishes to a registry with a login."""
    shop = Watched(tmp_path, f"{registry.host}/base")
    auth = base64.b64encode(f"shop:{password}".encode()).decode()
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    environment = {"REGISTRY_AUTH_FILE": str(file)}
    shop.settings = replace(shop.settings, environment=environment)
    shop.machine = Machine(shop.settings, shop.notes)
    return shop


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_hides_what_is_not_there_holds_up_nobody(
    tmp_path: Path, status: int
) -> None:
    with FakeRegistry(auth="token", login=("shop", "secret")) as registry:
        registry.hides = status
        shop = logged_in(tmp_path, registry)
        for _ in range(2):
            shop.offer(shop.deb("new", "1"))
            shop.define("new", "base, lib, new")
            lose_state(shop)
            known = {APP: "unchanged", TOOL: "unchanged"} if registry.manifests else {}
            shop.notes.notes.clear()
            found = shop.watch()
            assert shop.results(found) == {
                APP: "published", TOOL: "published", NEW: "published", **known,
            }, {name: each.detail for name, each in found.done.items()}  # fmt: skip
            said = [note for note in shop.notes.notes if "may not be read" in note]
            assert [note.partition(": ")[0] for note in said] == [
                name for name in (APP, NEW, TOOL) if name not in known
            ]
            assert (
                f"/base/new may not be read ({status}), and who may push finds no tag"
                in said[-2 if not known else 0]
            )
            with shop.state() as state:
                assert state.complaints() == []
            assert shop.watch().entries == ()
            # Somebody takes one of them away.
            for key in [key for key in registry.manifests if key[0] == "base/new"]:
                del registry.manifests[key]


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_may_not_push_or_is_wrong_stays_an_error(tmp_path: Path, status: int) -> None:
    with FakeRegistry(auth="token", login=("shop", "secret")) as registry:
        registry.hides = status
        shop = logged_in(tmp_path, registry)
        shop.watch(images=["app:1"])
        lose_state(shop)
        registry.grants_push = False
        shop.offer(shop.deb("lib", "2", files={"usr/sbin/libd": program(LISTENER)}))
        with shop.state() as state:
            watcher = Watcher(shop.machine, shop.choices(), state, clock=shop.clock)
            watcher.plan()
            assert watcher.unseen["registry"].startswith(f"{registry.host}/base/tool: manifest 1: ")
            assert state.complaints() == [], "it stays to be said"
        for _ in range(2):
            found = shop.watch()
            with shop.state() as state:
                said = [each for each in state.complaints() if each.subject == "registry"]
            assert [each.text.partition("; ")[0] for each in said] == [
                f"{registry.host}/base/tool: manifest 1: answered {status}"
            ]
        # What may be read is compared; what may not is not pushed either.
        assert found.done == {}, "its pause is not over"
        with shop.state() as state:
            assert state.image(APP).state == "held"
            assert state.image(TOOL).state == "failing"
            assert f"answered {status}" in state.image(TOOL).reason
        registry.grants_push = True
        shop.forward(minutes=6)
        assert shop.watch().done[TOOL].result == "published"
        with shop.state() as state:
            assert [each.subject for each in state.complaints()] == [APP]

        wrong = logged_in(tmp_path / "wrong", registry, "other")
        found = wrong.watch()
        assert wrong.results(found) == {APP: "failed", TOOL: "failed"}
        assert "wrong password" in found.done[TOOL].detail
        with wrong.state() as state:
            (said,) = [each for each in state.complaints() if each.subject == "registry"]
        assert "wrong password" in said.text
        assert said.text.endswith("(and so of 1 more images)")


def test_a_registry_that_is_not_there_is_said_once_and_nothing_is_adopted(shop: Watched) -> None:
    shop.watch()
    lose_state(shop)
    there, shop.publish = shop.publish, "localhost:1/nothing"
    for _ in range(2):
        shop.watch()
        shop.forward(hours=1)
    assert len([note for note in shop.notes.notes if note.startswith("registry: ")]) == 1
    with shop.state() as state:
        assert state.image(APP).published == ""
    shop.publish = there
    assert shop.results(shop.watch()) == {APP: "unchanged", TOOL: "unchanged"}
