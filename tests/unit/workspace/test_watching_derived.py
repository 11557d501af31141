"""Images that take files from others of the catalog: rebuilt in order, once, and never stuck."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.deb import file, program
from tests.fakes.running_server import RunningServer
from tests.fakes.watched import APP, TOOL, Watched, published

from ironhull.changes.document import document_of
from ironhull.changes.reports.formats import FORMATS
from ironhull.lock.file import lock_path, read_lock
from ironhull.oci.reference import Reference
from ironhull.oci.tar import TarReader
from ironhull.store.layers import image_layers, open_layer
from ironhull.watch.task import Stopping
from ironhull.workspace import changelog
from ironhull.workspace.attestations import read_attestation
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.elsewhere import elsewhere
from ironhull.workspace.image_digests import digest_at
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import copy
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_choices import Round
from ironhull.workspace.watch_deciding import approve, hold, rollback
from ironhull.workspace.watch_reading import entry_json, plan_now, status_now

MID, TOP = "mid:1-debian13", "top:1-debian13"


@pytest.fixture
def shop(tmp_path: Path, server: RunningServer) -> Watched:
    """`mid` takes a file from `app`, `top` takes it from `mid`; `tool` is apart."""
    shop = Watched(tmp_path, f"{server.host}/{tmp_path.name.replace('_', '-')}")
    shop.offer(shop.deb("app", "1", files=data("1")))
    shop.derive("mid", "app:1")
    shop.derive("top", "mid:1-debian13")
    return shop


def data(text: str) -> dict[str, object]:
    return {"usr/share/app/data": file(text)}


def fix(shop: Watched, text: str) -> None:
    """`app` has another version, with another file."""
    shop.offer(shop.deb("app", text, files=data(text)))


def taken(shop: Watched, image: str) -> str:
    """What the image that the registry has under its tag says in the file."""
    with registries(shop.machine) as opened:
        reference = f"oci://{shop.publish}/{image}:1"
        digest = digest_at(shop.machine, reference, opened)
    store = shop.machine.home.store
    (manifest,) = store.document(digest).manifests  # type: ignore[arg-type]
    found = ""
    for layer, _ in image_layers(store, store.document(manifest.digest)):
        with open_layer(store, layer) as stream:
            reader = TarReader(stream, "layer")
            for member in reader:
                if member.name == "usr/share/app/data":
                    found = (reader.read(100) or b"").decode()
    return found


def order(found: Round) -> list[str]:
    return list(found.done)


def why(found: Round) -> dict[str, str]:
    return {name: outcome.detail for name, outcome in found.done.items()}


def test_a_chain_is_published_in_order_in_one_round_and_then_nothing_is_left(
    shop: Watched,
) -> None:
    first = shop.watch()
    assert shop.results(first) == published([APP, MID, TOP, TOOL]), why(first)
    names = order(first)
    assert names.index(APP) < names.index(MID) < names.index(TOP)
    assert [taken(shop, name) for name in ("app", "mid", "top")] == ["1", "1", "1"]
    assert shop.watch().entries == ()

    fix(shop, "2")
    second = shop.watch()
    assert shop.results(second) == published([APP, MID, TOP]), why(second)
    assert order(second) == [APP, MID, TOP]
    assert [taken(shop, name) for name in ("app", "mid", "top")] == ["2", "2", "2"]
    causes = {entry.name: entry.cause for entry in second.entries}
    assert causes[MID] == "app:1, which it takes files from, was rebuilt"
    assert causes[TOP] == "mid:1-debian13, which it takes files from, was rebuilt"
    with shop.state() as state:
        (attempt, *_) = state.attempts([MID])
        base = state.image(APP).published
    assert attempt.cause == causes[MID]
    lock = read_lock(lock_path(shop.folder / "images/mid/debian-13/1.yaml"))
    assert lock.variables == {"BASE": base}
    third = shop.watch()
    assert (third.entries, third.done) == ((), {})


def test_what_is_made_from_a_fixed_image_is_as_urgent_and_says_so_before_and_after(
    shop: Watched,
) -> None:
    shop.watch()
    fix(shop, "2")
    shop.offer(shop.deb("tool", "2"))
    shop.advise({"CVE-2026-0002": ("app", "2")}, urgency="high")
    with shop.state() as state:
        before = plan_now(shop.machine, state, shop.choices())
    assert [(each.name, each.urgency) for each in before] == [
        (APP, "high"), (MID, "high"), (TOP, "high"), (TOOL, "routine"),
    ]  # fmt: skip
    first = "which it takes files from, is rebuilt first and fixes CVE-2026-0002 (high)"
    assert [each.cause for each in before[1:3]] == [f"app:1, {first}", f"mid:1-debian13, {first}"]

    def stopped(image: str, step: str) -> None:
        if image != APP:
            raise Stopping

    found = shop.watch(stopped)
    assert shop.results(found)[APP] == "published"
    after = "which it takes files from, was rebuilt and fixes CVE-2026-0002 (high)"
    with shop.state() as state:
        entries = plan_now(shop.machine, state, shop.choices())
        (base,) = entries[0].bases
        since = {each.behind_since for each in state.images().values() if each.behind_since}
        (seen,) = {
            each.at
            for each in state.events(image=APP, vulnerability="CVE-2026-0002")
            if each.kind == "seen"
        }
    assert [(each.name, each.cause) for each in entries[:2]] == [
        (MID, f"app:1, {after}"), (TOP, f"mid:1-debian13, {first}"),
    ]  # fmt: skip
    assert (base.image, base.urgency, base.since) == (APP, "high", seen)
    assert [each.vulnerability for each in base.fixes] == ["CVE-2026-0002"]
    assert seen <= min(since)
    (shown, *_) = [entry_json(each)["bases"] for each in entries]
    assert shown == [
        {
            "image": APP,
            "urgency": "high",
            "behind_since": seen,
            "vulnerabilities": [{"id": "CVE-2026-0002", "severity": "high"}],
        }
    ]
    found = shop.watch()
    assert order(found) == [MID, TOP, TOOL]
    assert {each.name: each.cause for each in found.entries}[TOP] == f"mid:1-debian13, {after}"
    with shop.state() as state:
        assert [state.attempts([name])[0].urgency for name in (MID, TOP, TOOL)] == [
            "high", "high", "routine",
        ]  # fmt: skip
        # What an image does not have by its own scan is no fix of its own.
        assert not [
            each for each in state.events(image=MID) if each.vulnerability == "CVE-2026-0002"
        ]


def test_a_changelog_says_which_base_moved_wherever_the_images_are(shop: Watched) -> None:
    def base() -> str:
        return read_lock(lock_path(shop.folder / "images/mid/debian-13/1.yaml")).variables["BASE"]

    shop.watch()
    before = base()
    fix(shop, "2")
    shop.watch()
    where, after = f"{shop.publish}/mid:1", base()
    moved = {"moved": [{"name": "app", "before": before, "after": after}], "same": 0}
    said = json.loads(read_attestation(shop.machine, where, "changelog", None))
    assert before != after
    elsewhere = Machine(replace(shop.settings, home=shop.folder / "elsewhere"))
    for machine in (shop.machine, elsewhere):
        since = changelog.previous(shop.machine, where)
        document = document_of(changelog.changelog(machine, where, since))
        assert document["bases"] == {**moved, "unknown": None}
    assert said["bases"] == {**moved, "unknown": None}
    for form in FORMATS.values():
        text = form.render(document)
        assert before[:19] in text
        assert after[:19] in text
    assert "the same packages, 1 base image moved, " in FORMATS["atom"].render(document)


def test_the_most_urgent_of_all_rebuilds_that_were_missed_counts(shop: Watched) -> None:
    shop.watch()
    with shop.state() as state:
        hold(shop.machine, state, MID, "until Monday")
    for version, urgency in (("2", "high"), ("3", "low")):
        fix(shop, version)
        shop.advise({f"CVE-2026-000{version}": ("app", version)}, urgency=urgency)
        shop.watch()
    with shop.state() as state:
        (entry,) = plan_now(shop.machine, state, shop.choices())
        assert entry.urgency == "high"
        assert entry.cause.endswith("fixes CVE-2026-0002, CVE-2026-0003 (high)")
        approve(shop.machine, state, MID)
    shop.watch()
    fix(shop, "4")
    shop.watch()
    with shop.state() as state:
        assert state.attempts([MID])[0].urgency == "routine"


@pytest.mark.parametrize("executor", ["local:1", "local:2"])
def test_an_image_that_is_due_itself_waits_for_its_base_and_is_built_once(
    shop: Watched, executor: str
) -> None:
    shop.derive("mid", "app:1", "base, tool")
    shop.watch(executor=executor)
    fix(shop, "2")
    # More urgent than what it waits for.
    shop.advise({"CVE-2026-0002": ("tool", "2")})
    shop.offer(shop.deb("tool", "2"))
    found = shop.watch(executor=executor)
    assert shop.results(found) == published([APP, MID, TOP, TOOL]), why(found)
    names = order(found)
    assert names.index(APP) < names.index(MID) < names.index(TOP)
    assert [taken(shop, name) for name in ("app", "mid", "top")] == ["2", "2", "2"]
    with shop.state() as state:
        assert [len(state.attempts([name])) for name in (APP, MID, TOP)] == [2, 2, 2]
    assert shop.watch().entries == ()


def test_a_base_that_fails_holds_up_nobody_and_is_followed_when_it_is_published(
    shop: Watched,
) -> None:
    shop.derive("mid", "app:1", "base, tool")
    shop.watch()
    broken = {**data("2"), "usr/bin/app": program("#!/usr/bin/nobody\n")}
    shop.offer(shop.deb("app", "2", files=broken), shop.deb("tool", "2"))
    found = shop.watch()
    assert shop.results(found) == {
        APP: "failed", MID: "published", TOP: "published", TOOL: "published",
    }, why(found)  # fmt: skip
    assert taken(shop, "top") == "1"
    fix(shop, "3")
    assert order(shop.watch()) == [APP, MID, TOP]
    assert [taken(shop, name) for name in ("app", "mid", "top")] == ["3", "3", "3"]


def test_a_base_that_is_held_is_followed_when_it_is_approved(shop: Watched) -> None:
    shop.derive("mid", "app:1", "base, tool")
    shop.watch()
    with shop.state() as state:
        hold(shop.machine, state, APP, "until Monday")
    fix(shop, "2")
    shop.offer(shop.deb("tool", "2"))
    assert sorted(order(shop.watch())) == [MID, TOOL, TOP]
    assert taken(shop, "top") == "1"
    with shop.state() as state:
        approve(shop.machine, state, APP)
    assert order(shop.watch()) == [APP, MID, TOP]
    assert taken(shop, "top") == "2"


def test_what_a_first_build_lacks_is_said_and_it_is_made_as_soon_as_its_base_is_there(
    shop: Watched,
) -> None:
    with shop.state() as state:
        hold(shop.machine, state, APP, "until Monday")
    found = shop.watch()
    assert shop.results(found) == {MID: "failed", TOP: "failed", TOOL: "published"}
    assert (
        "app:1, which files are taken from, has no digest: it cannot be seen now" in why(found)[MID]
    )
    assert shop.watch().done == {}, "its turn comes again when the pause is over"
    with shop.state() as state:
        assert state.image(MID).state == "failing"
        approve(shop.machine, state, APP)
    # No pause is waited for: what it is made from is another one.
    assert order(shop.watch()) == [APP, MID, TOP]


def test_images_that_would_take_files_from_themselves_are_said_and_others_go_on(
    shop: Watched,
) -> None:
    shop.derive("one", "two:1")
    shop.derive("two", "one:1-debian13")
    shop.derive("self", "self:1")
    found = shop.watch()
    assert shop.results(found) == published([APP, MID, TOP, TOOL]), why(found)
    with shop.state() as state:
        said = {each.subject: each.text for each in state.complaints()}
    assert sorted(said) == [f"definition {name}:1-debian13" for name in ("one", "self", "two")]
    assert said["definition self:1-debian13"] == (
        "it would take files from itself: self:1-debian13 ← self:1-debian13"
    )
    notes = len(shop.notes.notes)
    shop.watch()
    assert shop.watch(images=("one:1",)).done == {}
    assert len(shop.notes.notes) == notes, "it is said once"
    shop.derive("two", "app:1")
    shop.derive("self", "app:1")
    assert order(shop.watch()) == ["two:1-debian13", "one:1-debian13", "self:1-debian13"]
    with shop.state() as state:
        assert state.complaints() == []


def test_an_image_follows_its_base_back_when_that_is_rolled_back(shop: Watched) -> None:
    shop.watch()
    fix(shop, "2")
    shop.watch()
    with shop.state() as state:
        rollback(shop.machine, state, APP)
        causes = {each.name: each.cause for each in plan_now(shop.machine, state, shop.choices())}
        assert causes[MID] == "app:1, which it takes files from, was rebuilt"
        assert causes[TOP] == "mid:1-debian13, which it takes files from, is rebuilt first"
    shop.watch()
    assert [taken(shop, name) for name in ("app", "mid", "top")] == ["1", "1", "1"]


def test_an_image_of_a_registry_is_followed_and_stays_where_it_is_not_seen(shop: Watched) -> None:
    shop.watch()
    other = f"{shop.publish}-other/lib:1"
    copy(shop.machine, f"{shop.publish}/app:1", other)
    shop.derive("out", f"oci://{other}")
    assert shop.results(shop.watch()) == published(["out:1-debian13"])
    fix(shop, "2")
    shop.watch()
    assert taken(shop, "out") == "1"
    copy(shop.machine, f"{shop.publish}/app:1", other)
    assert shop.results(shop.watch()) == published(["out:1-debian13"])
    assert taken(shop, "out") == "2"

    with registries(shop.machine) as opened:
        opened.repository(Reference.parse(other), write=True).delete("1")
    for _ in range(2):
        assert shop.watch().entries == ()
    said = [note for note in shop.notes.notes if "which files are taken from" in note]
    assert len(said) == 1
    assert f"{other} is not there" in said[0]
    with shop.state() as state:
        (complaint,) = status_now(shop.machine, state, shop.policy).complaints
        assert complaint.subject == f"image oci://{other}"
    copy(shop.machine, f"{shop.publish}/app:1", other)
    shop.watch()
    with shop.state() as state:
        assert state.complaints() == []


def test_a_host_that_has_no_base_takes_it_from_where_the_catalog_is_published(
    shop: Watched,
) -> None:
    shop.watch()
    definition, lock = Definitions(shop.machine).locked("mid:1")
    other = Machine(replace(shop.settings, home=shop.folder / "elsewhere"))
    (wanted,) = definition.artifacts
    assert wanted.reference == "app"
    images = elsewhere(other, definition, lock, shop.publish).images
    manifest = images.manifest(wanted, definition.platforms[0])
    assert other.home.store.blobs.has(manifest.digest)


def test_an_image_that_is_followed_where_the_catalog_is_published_is_of_the_catalog(
    shop: Watched,
) -> None:
    shop.derive("mid", f"oci://{shop.publish}/app:1")
    shop.watch()
    fix(shop, "2")
    assert order(shop.watch()) == [APP, MID, TOP]
    assert taken(shop, "top") == "2"
