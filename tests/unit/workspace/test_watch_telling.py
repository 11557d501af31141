"""Who is told what by a watcher: each cause once, with the changelog of what was rebuilt."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.deb import program
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import APP, Watched

from ironhull.errors import EnvironmentProblem
from ironhull.notify.choice import parse_channels
from ironhull.notify.message import KINDS
from ironhull.state.watching import WatchState
from ironhull.workspace.attestations import read_attestation
from ironhull.workspace.notifying import notifier
from ironhull.workspace.watch_telling import Telling

KEEPER = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("registry") / "store") as running:
        yield running


class Told:
    """A shop that gives each message to a program, which keeps it."""

    def __init__(self, folder: Path, server: RunningServer, kinds: list[str]) -> None:
        self.file = folder / "messages"
        self.shop = Watched(folder, f"{server.host}/{folder.name.replace('_', '-')}")
        words = [sys.executable, "-c", KEEPER, str(self.file)]
        channels = parse_channels([{"command": words, "kinds": kinds}])
        self.shop.policy = replace(self.shop.policy, notify=channels)

    def messages(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        found = [json.loads(line) for line in self.file.read_text().splitlines()]
        self.file.unlink()
        return found


def test_who_is_told_of_a_rebuild_gets_its_changelog(tmp_path: Path, server: RunningServer) -> None:
    told = Told(tmp_path, server, ["published"])
    told.shop.watch()
    first = {each["data"]["subject"]: each for each in told.messages()}
    assert set(first) == {APP, "tool:1-debian13"}
    assert "changelog" not in first[APP]["data"]
    told.shop.advise({"CVE-2026-0002": ("lib", "2")})
    told.shop.offer(told.shop.deb("lib", "2"), suite="trixie-security")
    told.shop.watch()
    [message] = told.messages()
    assert message["type"] == "image.published"
    data = message["data"]
    assert data["subject"] == APP
    assert data["digest"] != first[APP]["data"]["digest"]
    assert [each["id"] for each in data["changelog"]["vulnerabilities"]["fixed"]] == [
        "CVE-2026-0002"
    ]
    assert "1 vulnerability fixed" in data["text"]
    told.shop.watch()
    assert told.messages() == []
    said = read_attestation(told.shop.machine, f"{data['repository']}:1", "changelog", None)
    predicate = json.loads(said)
    assert predicate["packages"]["changed"][0]["after"] == "2"
    assert [each["id"] for each in predicate["vulnerabilities"]["fixed"]] == ["CVE-2026-0002"]
    assert "made" not in predicate


def test_an_image_that_is_held_is_told_of_once(tmp_path: Path, server: RunningServer) -> None:
    told = Told(tmp_path, server, list(KINDS))
    told.shop.watch()
    told.messages()
    hostile = told.shop.deb("lib", "2", files={"usr/bin/lib": program("2" * 400_000)})
    told.shop.offer(hostile, suite="trixie-security")
    told.shop.policy = replace(told.shop.policy, gate=replace(told.shop.policy.gate, growth=0.0))
    told.shop.watch()
    told.shop.forward(hours=1)
    told.shop.watch()
    held = [each for each in told.messages() if each["type"] == "image.held"]
    assert [each["data"]["subject"] for each in held] == [APP]


def test_an_end_of_life_is_told_of_by_the_name_of_the_image(
    tmp_path: Path, server: RunningServer
) -> None:
    told = Told(tmp_path, server, ["ended"])
    told.shop.define("app", "base, lib, app", dates="{end-of-life: 2020-01-01}")
    told.shop.watch()
    told.shop.watch()
    [message] = told.messages()
    assert (message["type"], message["data"]["subject"]) == ("image.ended", APP)


def test_a_source_that_cannot_be_had_is_a_problem_told_once(
    tmp_path: Path, server: RunningServer
) -> None:
    told = Told(tmp_path, server, ["problem"])
    told.shop.watch()
    assert told.messages() == []
    (tmp_path / "mirror/dists/trixie/InRelease").write_text("not a release")
    told.shop.watch()
    told.shop.watch()
    [message] = told.messages()
    assert message["type"] == "watch.problem"
    assert message["data"]["subject"] == "archive"


def test_a_channel_that_fails_stops_nothing(tmp_path: Path, server: RunningServer) -> None:
    told = Told(tmp_path, server, ["published"])
    channels = parse_channels([{"command": ["/nowhere/told"]}])
    told.shop.policy = replace(told.shop.policy, notify=channels)
    found = told.shop.watch()
    assert set(told.shop.results(found).values()) == {"published"}
    assert any("not told of app:1-debian13" in note for note in told.shop.notes.notes)


def test_what_the_state_cannot_keep_is_said_once_here_and_told_when_it_can(
    tmp_path: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(tmp_path, server, list(KINDS))
    notes, full = told.shop.notes.notes, EnvironmentProblem("the state: database or disk is full")
    with told.shop.state() as state, notifier(told.shop.machine, told.shop.policy.notify) as opened:
        telling = Telling(told.shop.machine, state, opened)

        def refused(self: WatchState, *words: str) -> bool:
            raise full

        for _ in range(2):
            with monkeypatch.context() as patched:
                patched.setattr(WatchState, "say", refused)
                for _ in range(2):
                    telling.complain("archive", "the mirror is away")
                    telling.complain("watch", str(full))
            assert notes == [f"archive: the mirror is away; and {full}", f"watch: {full}"]
            assert told.messages() == []
            telling.complain("archive", "the mirror is away")
            assert len(notes) == 2, "it was said already"
            [message] = told.messages()
            assert message["data"]["subject"] == "archive"
            # It is over, and comes again.
            telling.kept()
            state.settle("archive")
            notes.clear()


def test_nobody_compares_what_nobody_is_told(
    tmp_path: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(tmp_path, server, ["held"])
    told.shop.watch()
    told.shop.offer(told.shop.deb("lib", "2"), suite="trixie-security")
    asked: list[object] = []
    monkeypatch.setattr("ironhull.workspace.watch_telling.changelog", asked.append)
    assert told.shop.results(told.shop.watch()) == {APP: "published"}
    assert asked == []
    assert told.messages() == []
