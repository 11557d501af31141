"""The watcher on a signed mirror on disk and a real registry: what it does, and what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.deb import file, program
from tests.fakes.mirror import make_repository
from tests.fakes.running_server import serving
from tests.fakes.watched import APP, TOOL, Watched, published

from ironhull.advisories.feeds.known import KNOWN
from ironhull.attest.listing import LayoutPlace, read_bundles, type_of
from ironhull.errors import EnvironmentProblem, InputError, NotFoundError
from ironhull.oci.digest import parse_digest
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.publication.registry_log import LOG_TAG
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.places import RegistrySource
from ironhull.registry.client.session import Session
from ironhull.statements.kinds import (
    CHECKS,
    CYCLONEDX,
    LICENSES,
    PROVENANCE,
    SCORE,
    SECRETS,
    SIGNATURE,
    SPDX,
    VULNERABILITIES,
)
from ironhull.store.blobs import BlobStore
from ironhull.transport.message import Answer, Request
from ironhull.watch.patience import Patience
from ironhull.watch.task import STEPS, Outcome
from ironhull.workspace import watching
from ironhull.workspace.history import history
from ironhull.workspace.predicates import AttestedPlatform, predicate
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_choices import Round
from ironhull.workspace.watch_deciding import approve, hold, rollback, take_clock
from ironhull.workspace.watch_executors import Workers, workers
from ironhull.workspace.watch_leases import this_machine
from ironhull.workspace.watch_reading import plan_now, planned, status_now
from ironhull.workspace.watch_shared import Shared
from ironhull.workspace.watching import Watcher


def test_a_fix_in_the_archive_is_published_and_no_other_image_is_touched(shop: Watched) -> None:
    first = shop.watch()
    assert shop.results(first) == published([APP, TOOL]), {
        name: outcome.detail for name, outcome in first.done.items()
    }
    with shop.state() as state:
        before = state.images()
    assert shop.watch().entries == ()

    shop.advise({"CVE-2026-0002": ("lib", "2"), "CVE-2026-0003": ("tool", None)})
    shop.offer(shop.deb("lib", "2"), suite="trixie-security")
    found = shop.watch()
    assert shop.results(found)[APP] == "published"
    (entry,) = [each for each in found.entries if each.name == APP]
    assert "lib 1 → 2 (trixie-security) fixes CVE-2026-0002" in entry.cause
    with shop.state() as state:
        after = state.images()
        kinds = {each.kind for each in state.events(image=APP, vulnerability="CVE-2026-0002")}
    assert after[TOOL].published == before[TOOL].published
    assert after[APP].published != before[APP].published
    assert kinds == {"advisory", "fix", "seen", "rebuilt", "published"}
    assert shop.watch().entries == ()


def whole(shop: Watched, image: str, tag: str) -> str:
    """The digest that a tag is at; all that it leads to is there."""
    with registries(shop.machine) as opened:
        repository = opened.repository(Reference.parse(f"{shop.publish}/{image}"))
        digest = repository.has_manifest(tag)
        assert digest is not None
        for manifest in repository.fetch_manifest(digest).manifests:
            document = repository.fetch_manifest(manifest.digest)
            for blob in (document.config, *document.layers):
                assert repository.has_blob(blob), blob
        return digest


class Killed(BaseException):
    """The watcher is gone, without a word."""


def killed_at(wanted: str) -> Callable[[str, str], None]:
    def told(image: str, step: str) -> None:
        if step == wanted:
            raise Killed

    return told


def tags(shop: Watched, image: str) -> dict[str, str]:
    """Tag → digest in the registry."""
    with registries(shop.machine) as opened:
        repository = opened.repository(Reference.parse(f"{shop.publish}/{image}"))
        try:
            return {tag: str(repository.has_manifest(tag)) for tag in repository.tags()}
        except NotFoundError:
            return {}


def fix(shop: Watched) -> None:
    """The archive has a fix of `lib`, which is in `app` alone."""
    shop.advise({"CVE-2026-0002": ("lib", "2")})
    shop.offer(shop.deb("lib", "2"), suite="trixie-security")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_finishes(shop: Watched, step: str) -> None:
    shop.watch()
    before = tags(shop, "app")
    fix(shop)
    with pytest.raises(Killed):
        shop.watch(killed_at(step))
    moved = tags(shop, "app")
    if STEPS.index(step) <= STEPS.index("push"):
        assert moved == before
    shop.forward(minutes=6)
    assert shop.results(shop.watch()) == published([APP])
    after = tags(shop, "app")
    assert after["1"] == after["1-debian13"] != before["1"]
    fixed = [tag for tag in after if tag not in ("1", "1-debian13", LOG_TAG)]
    assert len(fixed) == 2, "the old image stays under its tag, and the new one has one"
    assert {after[tag] for tag in fixed} == {before["1"], after["1"]}
    assert len(history(shop.machine, f"{shop.publish}/app").entries) == 2
    assert shop.watch().entries == ()
    with shop.state() as state:
        assert [a.result for a in state.attempts([APP])][:2] == ["published", "stopped"]
        kinds = {each.kind for each in state.events(image=APP, vulnerability="CVE-2026-0002")}
    assert kinds == {"advisory", "fix", "seen", "rebuilt", "published"}


def test_a_watcher_that_was_killed_on_this_machine_holds_nothing(shop: Watched) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with shop.state() as state:
        host = this_machine()
        state.take_lease(f"image/{APP}", f"{host}:{ended.pid}-aa", timedelta(hours=1))
        state.take_lease(f"image/{TOOL}", f"{host}:{os.getpid()}-bb", timedelta(hours=1))
    assert shop.results(shop.watch()) == published([APP])


def test_two_watchers_on_one_state_do_not_do_it_twice(shop: Watched) -> None:
    both = threading.Barrier(2)

    def told(image: str, step: str) -> None:
        if step == "lock":
            with suppress(threading.BrokenBarrierError):
                both.wait(1)

    with ThreadPoolExecutor(2) as pool:
        rounds = [each.result() for each in [pool.submit(shop.watch, told) for _ in range(2)]]
    done = [name for one in rounds for name, result in shop.results(one).items()]
    assert sorted(done) == [APP, TOOL]
    with shop.state() as state:
        assert [each.result for each in state.attempts()] == ["published", "published"]


def test_processes_make_the_same_images_as_this_one(shop: Watched, tmp_path: Path) -> None:
    found = shop.watch(executor="local:2")
    assert shop.results(found) == published([APP, TOOL])
    with shop.state() as state:
        digests = {name: each.published for name, each in state.images().items()}
    (tmp_path / "again").mkdir()
    again = Watched(tmp_path / "again", key=False)
    shutil.rmtree(again.folder / "mirror")
    shutil.copytree(shop.folder / "mirror", again.folder / "mirror")
    assert {name: one.digest for name, one in again.watch().done.items()} == digests


def test_images_of_all_folders_of_the_catalog_are_watched_each_by_its_own_lock(
    shop: Watched,
) -> None:
    other = shop.folder / "other"
    (other / "app").mkdir(parents=True)
    (shop.folder / "images/app/debian-13").rename(other / "app/debian-13")
    settings = replace(shop.settings, more_catalogs=(other,))
    shop.machine = replace(shop.machine, settings=settings)
    stray = shop.folder / "x.yaml"
    stray.write_text("image: x")
    with shop.state() as state:
        planned = plan_now(shop.machine, state, shop.choices())
        assert {entry.name for entry in planned} == {APP, TOOL}
        assert shop.results(shop.watch(executor="local:2")) == published([APP, TOOL])
        assert (other / "app/debian-13/1.lock.json").is_file()
        assert (shop.folder / "images/tool/debian-13/1.lock.json").is_file()
        assert hold(shop.machine, state, "app:1", "").name == APP
        with pytest.raises(NotFoundError, match=f"is not in the catalog .*images and {other}"):
            hold(shop.machine, state, str(stray), "")


def test_it_stops_between_two_steps_when_it_is_asked_to(shop: Watched) -> None:
    with shop.state() as state:
        watcher = Watcher(shop.machine, shop.choices(), state, told=lambda i, s: watcher.stop.set())
        watcher.run()
        (attempt,) = state.attempts()
    assert (attempt.result, attempt.detail) == ("stopped", "the watcher was asked to end")
    assert shop.results(shop.watch()) == published([APP, TOOL])


@pytest.mark.parametrize(
    ("error", "under"),
    [(EnvironmentProblem("the state is gone"), False), (KeyboardInterrupt(), True)],
)
def test_what_images_share_is_closed_when_nobody_uses_it_unless_it_is_asked_to_end_at_once(
    shop: Watched, monkeypatch: pytest.MonkeyPatch, error: BaseException, under: bool
) -> None:
    begun, closed, found, real = threading.Event(), threading.Event(), [], watching.wait

    def working(*words: object) -> Outcome:
        begun.set()
        found.append(closed.wait(0.5 if not under else 60))
        return Outcome("unchanged", "")

    def failing(*words: object, **more: object) -> object:
        monkeypatch.setattr(watching, "wait", real)
        assert begun.wait(60)
        raise error

    monkeypatch.setattr(watching, "work", working)
    monkeypatch.setattr(watching, "wait", failing)
    monkeypatch.setattr(Shared, "close", lambda self: closed.set())
    with pytest.raises(type(error)):
        shop.watch(executor="local:1")
    assert closed.is_set()
    assert found == [under]


def test_what_is_young_waits_for_its_age_and_a_security_fix_does_not(shop: Watched) -> None:
    shop.watch()
    shop.policy = replace(shop.policy, cooldown=timedelta(days=3))
    shop.offer(shop.deb("tool", "2"))
    assert shop.watch().entries == ()
    with shop.state() as state:
        (found,) = [s for s in status_now(shop.machine, state, shop.policy).images if s.waiting]
        assert (found.name, found.state) == (TOOL, "current")
        assert "too young until" in found.waiting
        assert "tool 2" in found.waiting
    fix(shop)
    assert shop.results(shop.watch()) == published([APP])
    shop.forward(days=3, minutes=1)
    assert shop.results(shop.watch()) == published([TOOL])
    with shop.state() as state:
        assert not any(s.waiting for s in status_now(shop.machine, state, shop.policy).images)


class Broken(Executor):
    """A pool of processes one of which has died: it takes no work any more."""

    def submit(self, *_: object, **__: object) -> Future[object]:  # type: ignore[override]
        raise BrokenExecutor("a child process terminated abruptly")


def test_workers_that_have_died_are_opened_anew(
    shop: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.policy = replace(shop.policy, patience=Patience(timedelta(0), timedelta(0)))
    opened: list[str] = []

    @contextmanager
    def opening(text: str) -> Iterator[Workers]:
        opened.append(text)
        with workers("local:1") as good:
            broken = Workers(Broken(), False, 2)
            yield broken if len(opened) == 1 else good

    monkeypatch.setattr("ironhull.workspace.watching.workers", opening)
    done: list[dict[str, str]] = []
    chosen = shop.choices(interval=timedelta(0), executor="local:2")
    with shop.state() as state:
        watcher = Watcher(shop.machine, chosen, state, clock=shop.clock)

        def told(one: Round) -> None:
            done.append(shop.results(one))
            if len(done) == 2:
                watcher.stop.set()

        watcher.run(told)
        results = {each.result for each in state.attempts()}
    assert done == [dict.fromkeys((APP, TOOL), "failed"), published([APP, TOOL])]
    assert opened == ["local:2", "local:2"]
    assert results == {"failed", "published"}


def test_a_watcher_rests_between_rounds_whatever_the_interval(
    shop: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []

    def waited(seconds: float) -> bool:
        rests.append(seconds)
        if len(rests) == 2:
            watcher.stop.set()
        return watcher.stop.is_set()

    with shop.state() as state:
        watcher = Watcher(shop.machine, shop.choices(interval=timedelta(0)), state)
        monkeypatch.setattr(watcher, "round", lambda those: Round((), {}))
        monkeypatch.setattr(watcher.stop, "wait", waited)
        watcher.run()
    assert rests == [1, 1]


# -- bad input: the catalog stays as it was, the cause is said once ------------------------------


def unmoved(shop: Watched, *said: str) -> None:
    """Two rounds in which nothing is published, and each of these is said once."""
    before = [tags(shop, image) for image in ("app", "tool")]
    shop.notes.notes.clear()
    for _ in range(2):
        with suppress(EnvironmentProblem):
            shop.watch()
    assert [tags(shop, image) for image in ("app", "tool")] == before
    for text in said:
        assert sum(text in note for note in shop.notes.notes) == 1, shop.notes.notes


def test_an_archive_that_goes_back_in_time(shop: Watched) -> None:
    shop.watch()
    make_repository(
        shop.folder / "mirror",
        [shop.deb("base", "9"), shop.deb("lib", "9"), shop.deb("app", "9"), shop.deb("tool", "9")],
        date=datetime.now(UTC) - timedelta(days=2),
    )
    unmoved(shop, "an old release is replayed")
    with shop.state() as state:
        assert [each.subject for each in state.complaints()] == ["archive"]
    shop.offer()
    assert shop.watch().entries == ()
    with shop.state() as state:
        assert state.complaints() == []


def test_an_archive_that_is_not_signed_by_its_key(shop: Watched) -> None:
    shop.watch()
    path = shop.folder / "mirror/dists/trixie-security/InRelease"
    path.write_bytes(path.read_bytes().replace(b"of a test", b"of a Test"))
    unmoved(shop, "does not hold")


def test_a_feed_that_shrinks(shop: Watched) -> None:
    records = {f"CVE-2026-{number:04}": ("lib", "1") for number in range(1, 40)}
    shop.advise(records | {"CVE-2026-0002": ("lib", "2")})
    shop.watch()
    folder = shop.folder / "osv"
    for path in sorted(folder.iterdir())[10:]:
        path.unlink()
    shop.settings = replace(shop.settings, advisory_sources=(f"osv-debian={folder}",))
    for known in KNOWN:
        # Only this feed: the others' addresses are not of this machine.
        if known != "osv-debian":
            shop.settings = replace(
                shop.settings,
                advisory_sources=(*shop.settings.advisory_sources, f"{known}={folder / 'none'}"),
            )
    shop.machine = replace(shop.machine, settings=shop.settings)
    shop.notes.notes.clear()
    for _ in range(2):
        assert shop.watch(advisories=timedelta(0)).entries == ()
    assert sum("osv-debian: refused" in note for note in shop.notes.notes) == 1, shop.notes.notes


def test_a_definition_that_stops_parsing_leaves_its_image_and_holds_up_nobody(
    shop: Watched,
) -> None:
    shop.watch()
    path = shop.define("app", "base, lib, app")
    path.write_text(path.read_text().replace("contents:", "contents: ["))
    shop.offer(shop.deb("tool", "2"))
    before = tags(shop, "app")
    shop.notes.notes.clear()
    assert shop.results(shop.watch()) == published([TOOL])
    assert shop.watch().entries == ()
    assert tags(shop, "app") == before
    assert sum(f"definition {APP}" in note for note in shop.notes.notes) == 1
    shop.define("app", "base, lib, app")
    shop.watch()
    with shop.state() as state:
        assert state.complaints() == []


def test_a_clock_that_goes_back(shop: Watched) -> None:
    shop.watch()
    fix(shop)
    shop.forward(days=-1)
    before = tags(shop, "app")
    with pytest.raises(EnvironmentProblem, match="this machine's clock says"):
        shop.watch()
    assert tags(shop, "app") == before
    shop.forward(days=1)
    assert shop.results(shop.watch()) == published([APP])


def test_a_clock_that_was_ahead_for_a_while(shop: Watched) -> None:
    shop.forward(days=2)
    shop.watch()
    shop.forward(days=-2)
    fix(shop)
    with pytest.raises(EnvironmentProblem, match="ironhull state clock"):
        shop.watch()
    with shop.state() as state:
        take_clock(state)
    assert shop.results(shop.watch()) == published([APP])


def test_a_disk_that_is_full_is_nobodys_fault_and_said_once(
    shop: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.watch()
    fix(shop)
    shop.offer(shop.deb("tool", "2"))
    with shop.state() as state:
        # What the archive has is known already: it is the build that meets the full disk.
        assert len(plan_now(shop.machine, state, shop.choices())) == 2

    def full(self: BlobStore, *words: object, **more: object) -> object:
        raise EnvironmentProblem(f"cannot write {self.root}: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(BlobStore, "writer", full)
        unmoved(shop, "No space left on device")
        for _ in range(6):
            shop.forward(hours=7)
            shop.watch()
    with shop.state() as state:
        assert {each.state for each in state.images().values()} == {"failing"}
    shop.forward(hours=7)
    assert shop.results(shop.watch()) == published([APP, TOOL])


def test_layers_that_vanish_before_an_image_has_its_names_are_made_again(shop: Watched) -> None:
    shop.watch()
    blobs = shop.machine.home.store.blobs
    before = set(blobs)
    fix(shop)

    def told(image: str, step: str) -> None:
        if step == "attest":
            for digest in set(blobs) - before:
                blobs.remove(digest)

    failed = shop.watch(told).done[APP]
    assert (failed.result, failed.step, failed.own) == ("failed", "attest", False)
    assert "vanish" in failed.detail
    shop.forward(minutes=6)
    assert shop.results(shop.watch()) == published([APP])


def test_a_registry_that_dies_half_way_has_the_old_image_until_it_has_all_of_the_new_one(
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "store") as server:
        shop = Watched(tmp_path, f"{server.host}/base")
        shop.watch()
        before = tags(shop, "app")
        fix(shop)

        def told(image: str, step: str) -> None:
            if step == "push":
                server.kill()

        found = shop.watch(told)
    assert found.done[APP].result == "failed"
    assert not found.done[APP].own
    with serving(tmp_path / "store") as server:
        shop.publish = f"{server.host}/base"
        assert tags(shop, "app") == before
        shop.forward(minutes=6)
        assert shop.results(shop.watch()) == published([APP])


@pytest.mark.parametrize(
    ("apart", "taken"), [(False, 0), (False, 1), (True, 0), (True, 1), (True, 2)]
)
def test_a_registry_that_refuses_what_comes_after_some_writes(
    shop: Watched, monkeypatch: pytest.MonkeyPatch, apart: bool, taken: int
) -> None:
    """Its tags are at an image that is there whole, all at the same, and none twice recorded.

    With `apart` each part goes by itself, and the writes that name tags are counted.
    """
    shop.watch()
    before, call, sent = tags(shop, "app"), Session.call, []
    fix(shop)

    def refusing(self: Session, request: Request, *words: Any, **more: Any) -> Answer:
        if request.method in ("POST", "PUT", "PATCH"):
            if apart and request.url.endswith("/together"):
                raise Refused("one after the other", 400)
            if not apart or "tag=" in request.url or request.url.endswith(LOG_TAG):
                sent.append(request)
            if len(sent) > taken:
                raise Refused("the registry is full", 507)
        return call(self, request, *words, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Session, "call", refusing)
        found = shop.watch().done[APP]
    moving = {whole(shop, "app", tag) for tag in ("1", "1-debian13")}
    assert len(moving) == 1
    if not taken:
        assert tags(shop, "app") == before
    if len(sent) > taken:
        assert (found.result, found.step, found.own) == ("failed", "push", False)
        assert sum("failed at push" in note for note in shop.notes.notes) == 1
    shop.forward(minutes=6)
    shop.watch()
    assert shop.watch().entries == ()
    record = history(shop.machine, f"{shop.publish}/app")
    recorded = [each.record.publication.image for each in record.entries]
    assert record.complaints == ()
    assert recorded == [before["1"], whole(shop, "app", "1")]


# -- the gate ------------------------------------------------------------------------------------

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 Somebody
License: GPL-3
"""
LISTENER = b"\x7fELF" + bytes(60) + b"\0socket\0listen\0accept4\0"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"files": {"usr/bin/su": program("su", 0o4755)}}, "runs as another user"),
        ({"scripts": {"postinst": "#!/bin/sh\n"}}, "lib: postinst is a new maintainer script"),
        ({"files": {"usr/sbin/libd": program(LISTENER)}}, "can listen for connections"),
        ({"files": {"usr/share/doc/lib/copyright": file(COPYRIGHT)}}, "GPL-3.0-only is a new"),
        ({"files": {"usr/share/big": file(os.urandom(300_000))}}, "% larger than before"),
    ],
)
def test_what_is_worse_is_held_until_a_human_approves(
    shop: Watched, more: dict[str, object], reason: str
) -> None:
    shop.define("app", "base, lib, app", hardening="{setuid: [/usr/bin/su]}")
    shop.watch()
    before = tags(shop, "app")
    shop.offer(shop.deb("lib", "2", **more))
    found = shop.watch()
    assert found.done[APP].result == "held", found.done[APP].detail
    assert reason in found.done[APP].detail
    assert tags(shop, "app") == before
    assert shop.watch().done == {}, "nothing changed: it is not built again"
    with shop.state() as state:
        assert state.image(APP).state == "held"
        assert "will be published" in approve(shop.machine, state, "app:1").text
        with pytest.raises(InputError, match="nothing to approve"):
            approve(shop.machine, state, "tool:1")
    assert shop.results(shop.watch()) == published([APP])
    assert tags(shop, "app")["1"] == found.done[APP].digest


def test_more_findings_than_before_are_held(shop: Watched) -> None:
    shop.watch()
    shop.offer(shop.deb("extra", "1"))
    shop.advise({"CVE-2026-0009": ("extra", None)})
    shop.define("app", "base, lib, app, extra")
    found = shop.watch()
    assert found.done[APP].result == "held"
    assert "1 open findings and had 0: CVE-2026-0009" in found.done[APP].detail


def test_a_failing_image_holds_up_nobody_waits_longer_each_time_and_ends_in_quarantine(
    shop: Watched,
) -> None:
    shop.watch()
    shop.offer(shop.deb("tool", "2"))
    fix(shop)
    # A program whose interpreter nobody brings: the check says no.
    shop.offer(shop.deb("app", "2", files={"usr/bin/app": program("#!/usr/bin/nobody\n")}))
    results = shop.results(shop.watch())
    assert results == {APP: "failed", TOOL: "published"}
    assert shop.watch().done == {}
    pauses = []
    for _ in range(4):
        with shop.state() as state:
            retry = datetime.fromisoformat(state.image(APP).retry_at)
        pauses.append(round((retry - shop.clock()).total_seconds() / 60))
        shop.ahead += retry - shop.clock() + timedelta(seconds=1)
        assert shop.results(shop.watch()) == {APP: "failed"}
    assert pauses == [5, 10, 20, 40]
    with shop.state() as state:
        assert state.image(APP).state == "quarantined"
    shop.forward(days=1)
    assert shop.watch().done == {}
    with shop.state() as state:
        approve(shop.machine, state, APP)
    assert shop.results(shop.watch()) == {APP: "failed"}
    shop.offer(shop.deb("app", "3"))
    assert shop.results(shop.watch()) == published([APP])


# -- what humans decide ---------------------------------------------------------------------------


def test_a_rollback_moves_the_tags_back_and_the_image_stays_there_until_approved(
    shop: Watched,
) -> None:
    shop.watch()
    before = tags(shop, "app")
    with shop.state() as state, pytest.raises(InputError, match="nothing to go back to"):
        rollback(shop.machine, state, APP)
    fix(shop)
    shop.watch()
    with shop.state() as state:
        assert before["1"] in rollback(shop.machine, state, "app:1").text
        assert (state.image(APP).published, state.image(APP).tag) == (before["1"], "")
    assert tags(shop, "app")["1"] == before["1"]
    assert history(shop.machine, f"{shop.publish}/app").complaints == ()
    assert shop.watch().done == {}
    assert tags(shop, "app")["1"] == before["1"]
    with shop.state() as state:
        approve(shop.machine, state, APP)
    assert shop.results(shop.watch()) == published([APP])
    assert tags(shop, "app")["1"] != before["1"]


def test_what_is_held_by_hand_is_planned_and_not_done(shop: Watched) -> None:
    shop.watch()
    with shop.state() as state:
        hold(shop.machine, state, "app:1", "the release is on Monday")
    fix(shop)
    found = shop.watch()
    assert [each.name for each in found.entries] == [APP]
    assert found.done == {}
    with shop.state() as state:
        # Of another image, whose name only ends in the same way.
        state.say(f"my-{APP}", "its tests fail")
        said = status_now(shop.machine, state, shop.policy, "app:1")
    (image,) = said.images
    assert said.complaints == ()
    assert image.why == "held by hand: the release is on Monday"
    assert image.behind_since


def test_an_image_past_its_life_is_built_for_a_time_and_then_kept(shop: Watched) -> None:
    ended = (datetime.now(UTC) - timedelta(days=3)).date()
    shop.define("app", "base, lib, app", dates=f"{{end-of-life: {ended}}}")
    assert shop.results(shop.watch()) == published([APP, TOOL])
    assert sum("it is built until" in note for note in shop.notes.notes) == 1
    before = tags(shop, "app")
    fix(shop)
    shop.forward(days=30)
    shop.offer(date=shop.clock() - timedelta(hours=1))
    assert shop.watch().done == {}
    assert any("it is no longer built, its tags stay" in note for note in shop.notes.notes)
    assert tags(shop, "app") == before
    with shop.state() as state:
        assert status_now(shop.machine, state, shop.policy, APP).images[0].state == "ended"


def test_an_image_whose_definition_is_gone_is_not_dropped_in_silence(shop: Watched) -> None:
    shop.watch()
    shutil.rmtree(shop.folder / "images/app")
    before = tags(shop, "app")
    assert shop.watch().entries == ()
    assert any("its definition is gone" in note for note in shop.notes.notes)
    assert tags(shop, "app") == before


# -- plan and status ------------------------------------------------------------------------------


def test_the_registry_is_brought_back_to_what_was_published(shop: Watched) -> None:
    shop.watch()
    before = tags(shop, "app")
    with registries(shop.machine) as opened:
        repository = opened.repository(Reference.parse(f"{shop.publish}/app"), write=True)
        repository.delete("1")
    (entry,) = shop.watch().entries
    assert "the registry's tags are not at what was published" in entry.cause
    assert tags(shop, "app") == before


def test_a_plan_changes_nothing_and_has_the_most_urgent_first(shop: Watched) -> None:
    shop.watch()
    shop.advise({"CVE-2026-0002": ("tool", "2")})
    shop.offer(shop.deb("lib", "2"), shop.deb("tool", "2"))
    with shop.state() as state:
        entries = plan_now(shop.machine, state, shop.choices())
        assert [(each.name, each.urgency) for each in entries] == [
            (TOOL, "unknown"), (APP, "routine"),
        ]  # fmt: skip
        assert {each.state for each in state.images().values()} == {"current"}


def test_what_a_plan_cannot_see_it_says_and_leaves_to_the_watcher_to_say(shop: Watched) -> None:
    shop.watch()
    shop.define("broken", "base").write_text("contents: [")
    release = shop.folder / "mirror/dists/trixie/InRelease"
    release.write_text("not a release")
    shop.publish = "localhost:1/nothing"
    shop.notes.notes.clear()
    with shop.state() as state:
        before = state.complaints()
        entries, unseen = planned(shop.machine, state, shop.choices())
        assert entries == []
        assert sorted(unseen) == ["archive", "definition broken:1-debian13", "registry"]
        assert plan_now(shop.machine, state, shop.choices()) == []
        assert state.complaints() == before == []
    assert sum(note.startswith("archive: ") for note in shop.notes.notes) == 1
    shop.notes.notes.clear()
    shop.watch()
    for subject in unseen:
        assert sum(note.startswith(f"{subject}: ") for note in shop.notes.notes) == 1, subject


def test_a_plan_has_what_advisories_newly_say_of_what_is_published(shop: Watched) -> None:
    shop.watch()
    shop.advise({"CVE-2026-0002": ("lib", None)})
    with shop.state() as state:
        (entry,) = plan_now(shop.machine, state, shop.choices())
        assert (entry.name, entry.cause) == (APP, "found: CVE-2026-0002")
    assert [each.name for each in shop.watch().entries] == [APP]
    with shop.state() as state:
        assert plan_now(shop.machine, state, shop.choices()) == []


def test_status_says_what_is_behind_for_too_long_and_why(shop: Watched) -> None:
    shop.watch()
    shop.advise({"CVE-2026-0002": ("lib", "3")})
    shop.watch()
    with shop.state() as state:
        found = status_now(shop.machine, state, shop.policy)
        assert found.alarms == ()
        (image,) = [each for each in found.images if each.name == APP]
    assert image.waiting == "not in the archive: fixes of CVE-2026-0002"
    with shop.state() as state:
        hold(shop.machine, state, "app:1", "holidays")
    shop.offer(shop.deb("lib", "2"))
    shop.forward(days=-3)
    with shop.state() as state:
        state.set_note("round", "")
    shop.watch()
    with shop.state() as state:
        found = status_now(shop.machine, state, shop.policy)
    (alarm,) = found.alarms
    assert alarm.startswith(f"{APP} is behind since")
    assert alarm.endswith("held by hand: holidays")


def test_a_new_advisory_is_one_entry_for_each_image_and_then_looked_after(shop: Watched) -> None:
    shop.watch()
    shop.advise({f"CVE-2026-00{number}": ("base", None) for number in range(10, 20)})
    found = shop.watch()
    assert [each.name for each in found.entries] == [APP, TOOL]
    assert set(shop.results(found).values()) == {"unchanged"}
    assert shop.watch().entries == ()


def scans(shop: Watched) -> list[str]:
    """What the registry's statements about vulnerabilities of APP say, in no order.

    Two scans of one second have one time: which of them is newer cannot be told from it.
    """
    with registries(shop.machine) as opened:
        place = RegistrySource(opened.repository(Reference.parse(f"{shop.publish}/app")), "1")
        return [
            json.dumps(json.loads(bundle.envelope.payload)["predicate"])
            for manifest in place.root().manifests
            for each in place.referrers(manifest.digest)
            if type_of(each) == VULNERABILITIES
            for bundle in read_bundles(place, each, 1 << 20)
        ]


def test_statements_say_the_same_as_when_only_the_image_is_looked_at(shop: Watched) -> None:
    done = shop.watch().done[APP]
    store = shop.machine.home.store
    place = LayoutPlace(store, parse_digest(done.digest))
    index = place.root()
    (entry,) = index.manifests
    alone = AttestedPlatform(
        shop.machine, APP, index.descriptor(), entry, Platform.parse("linux/amd64")
    )
    said = {
        type_of(each): json.loads(bundle.envelope.payload)["predicate"]
        for each in place.referrers(entry.digest)
        for bundle in read_bundles(place, each, 1 << 20)
    }
    for kind in (CYCLONEDX, SPDX, LICENSES, SECRETS, PROVENANCE, CHECKS):
        assert said[kind] == json.loads(predicate(alone, kind)), kind
    assert {VULNERABILITIES, SCORE, SIGNATURE} <= set(said)


def test_what_is_said_of_a_published_image_is_said_anew_when_advisories_are_new(
    shop: Watched,
) -> None:
    shop.watch()
    first = scans(shop)
    assert first
    assert not any("CVE-2026-0031" in each for each in first)
    shop.advise({"CVE-2026-0031": ("base", None)})
    done = shop.watch().done[APP]
    assert (done.result, done.detail) == ("unchanged", "what is said of its vulnerabilities is new")
    assert any("CVE-2026-0031" in each for each in scans(shop))
    assert history(shop.machine, f"{shop.publish}/app").complaints == ()
