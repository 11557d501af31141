"""The catalog of a real build: what was signed, why packages are there, what it was made of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import ANY

import pytest
from tests.fakes.image import make_image
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.catalog.facts import Published, Verification
from ironhull.catalog.live import Remembered
from ironhull.errors import EnvironmentProblem
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.settings import Settings
from ironhull.signing.keyring import Keyring
from ironhull.state.connecting import sqlite_url
from ironhull.state.watch_records import Event
from ironhull.state.watching import WatchState
from ironhull.workspace.catalog_live import MachineLive
from ironhull.workspace.cataloguing import opened_index
from ironhull.workspace.machine import Machine

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    made = workspace(tmp_path)
    with_key(made)
    made.build("app:1")
    return made


def test_the_pages_of_a_build_say_who_signed_it_and_what_it_was_made_of(
    shop: Workspace, tmp_path: Path
) -> None:
    done = shop.export_catalog(tmp_path / "site")
    assert done.pages == len(list((tmp_path / "site").rglob("*.html")))
    folder = tmp_path / "site/images/app/-/1"
    assert "✓ signed by release" in (folder / "index.html").read_text()
    made_of = (folder / "provenance/index.html").read_text()
    assert ".lock.json" in made_of
    assert "InRelease" in made_of
    assert "asked for by the definition" in (folder / "packages/index.html").read_text()
    attached = json.loads((tmp_path / "site/api/v1/images/app/-/1/attestations.json").read_bytes())
    assert {"provenance", "cyclonedx", "signature"} <= {a["kind"] for a in attached["attestations"]}
    signed = {digest for digest, _ in attached["verification"]["signed"]}
    assert {each["digest"] for each in attached["attestations"]} <= signed


def test_a_folder_that_cannot_be_made_for_the_pages_is_said(
    shop: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        shop.export_catalog(tmp_path / "file/site")


def test_gathering_again_finds_nothing_to_do(shop: Workspace) -> None:
    assert shop.gather_catalog().builds == 1
    assert shop.gather_catalog().builds == 0
    index = opened_index(shop.machine)
    (summary,) = index.summaries().values()
    assert summary.problem == ""
    index.close()


def test_a_revoked_key_is_no_proof_from_the_next_look_on(shop: Workspace) -> None:
    live = MachineLive(shop.machine)
    assert live.verification("app:1").answer == "verified"
    Keyring(shop.home.keys).revoke("release", "lost", NOW)
    found = live.verification("app:1")
    assert found.answer != "verified"
    assert "revoked" in found.text


def test_an_image_is_verified_by_its_digest_wherever_the_tag_has_moved(shop: Workspace) -> None:
    live, store = MachineLive(shop.machine), shop.home.store
    name = f"app@{store.find('app:1').digest}"
    assert live.verification(name) == replace(live.verification("app:1"), at=ANY)
    assert live.attestations(name) == live.attestations("app:1") != ()
    other = make_image(store, names=["app:1"])
    assert live.verification(f"app@{other.digest}").answer == "refused"
    assert live.verification(f"other@{other.digest}").answer == "unknown"


def test_what_is_not_there_is_unknown_and_no_error(shop: Workspace) -> None:
    live = MachineLive(shop.machine)
    assert live.verification("absent:1").answer == "unknown"
    assert live.attestations("absent:1") == ()
    assert live.publications("absent") == Published()
    keyless = Machine(Settings(home=shop.home.root / "other", catalog=shop.home.root))
    assert MachineLive(keyless).publications("app") == Published()
    # Words for who reads the page: options of a command are no help there.
    unverified = MachineLive(keyless, Contents(shop.home.store, Limits())).verification("app:1")
    assert unverified.text == "this server knows no key to verify with"
    assert live.watch().note == "nobody watches here"


def test_what_is_behind_is_said_with_its_reason(shop: Workspace) -> None:
    path = shop.home.watch_state
    path.parent.mkdir(parents=True)
    with WatchState(sqlite_url(path), lambda: NOW) as state:
        late = {"state": "held", "reason": "larger", "behind_since": "2026-11-20T08:00:00Z"}
        state.change("app:1", lambda image: replace(image, **late))
    (image,) = MachineLive(shop.machine).watch().images
    assert (image.repository, image.state, image.why) == ("app", "held", "held: larger")
    assert image.alarm


def test_each_repository_has_the_times_of_its_own_fixes(shop: Workspace) -> None:
    path = shop.home.watch_state
    path.parent.mkdir(parents=True)
    with WatchState(sqlite_url(path), lambda: NOW) as state:
        for image, hour in (("app:1", "06"), ("other:1", "20")):
            state.change(image, lambda known: known)
            begun = Event("CVE-2026-0001", image, "fix", "2026-11-20T05:00:00Z", "high")
            done = replace(begun, kind="published", at=f"2026-11-20T{hour}:00:00Z")
            state.happened([begun, done])
    said = MachineLive(shop.machine).watch()
    assert [each.longest_seconds for each in said.times] == [15 * 3600]
    assert {
        name: [each.longest_seconds for each in own] for name, own in said.repositories.items()
    } == {
        "app": [3600],
        "other": [15 * 3600],
    }


def test_an_answer_is_remembered_for_a_minute() -> None:
    asked: list[str] = []
    now = [0.0]

    class Asked(MachineLive):
        def __init__(self) -> None: ...

        def verification(self, name: str) -> Verification:
            asked.append(name)
            return Verification("verified", str(len(asked)), "")

    live = Remembered(Asked(), lambda: now[0])
    assert [live.verification("a").text, live.verification("a").text] == ["1", "1"]
    now[0] = 61
    assert live.verification("a").text == "2"
