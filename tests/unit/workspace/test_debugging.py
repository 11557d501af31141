"""A toolbox beside a container or over an image, where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import ironhull.workspace.debugging as debugging
from ironhull.engine.interface import RunOptions
from ironhull.engine.process import Finished
from ironhull.engine.sandbox import Sandbox
from ironhull.errors import EngineError, NotFoundError
from ironhull.progress import Silent
from ironhull.sandbox.joining import Target, start_of
from ironhull.settings import Settings
from ironhull.workspace.machine import Machine
from ironhull.workspace.sandboxes import noted


class Fake:
    """An engine whose `start` fails."""

    name = "podman"

    def __init__(self, said: str) -> None:
        self.said = said

    def start(self, image: str, options: RunOptions) -> None:
        raise EngineError(self.said)


@pytest.mark.parametrize(
    "said",
    [
        "podman run: no container with name or ID web found: no such container",
        "docker run: Error response from daemon: No such container: web",
    ],
)
def test_a_container_that_the_engine_does_not_know_is_a_wrong_name(said: str) -> None:
    with pytest.raises(NotFoundError, match="has no container 'web'"):
        debugging._started(Fake(said), "box", RunOptions(), "web")


def test_what_else_goes_wrong_is_the_engine_s() -> None:
    with pytest.raises(EngineError, match="cannot join"):
        debugging._started(Fake("cannot join"), "box", RunOptions(), "web")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (125, "podman has no container 'web'"),
        (0, "^web is there, the toolbox .*: no image 'toolbox:13'.*ironhull build toolbox:13"),
    ],
)
def test_a_wrong_name_is_said_before_a_toolbox_that_is_not_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    asked = []

    def call(words: list[str], timeout: float) -> Finished:
        asked.append(words)
        return Finished(code, "", "", timed_out=False, seconds=0)

    monkeypatch.setattr(debugging, "engine", lambda name, settings, among: Fake(""))
    monkeypatch.setattr(debugging, "call", call)
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    with (
        pytest.raises(NotFoundError, match=said),
        debugging.toolbox(machine, "web"),
    ):
        pass
    assert asked == [["podman", "container", "inspect", "web"]]


@pytest.fixture
def engines_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Each engine works there, and knows no container."""

    def engine(name: str | None, *_: object) -> Fake:
        fake = Fake("")
        fake.name = name or "podman"
        return fake

    no = Finished(125, "", "", timed_out=False, seconds=0)
    monkeypatch.setattr(debugging, "engine", engine)
    monkeypatch.setattr(debugging, "call", lambda words, timeout: no)
    return Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())


@pytest.mark.parametrize("engine_name", [None, "podman", "sandbox"])
def test_a_target_that_is_neither_container_nor_image_is_said_with_where_to_look(
    engines_of_nothing: Machine, engine_name: str | None
) -> None:
    said = "no image 'web:latest'" if engine_name == "sandbox" else "`podman ps` lists .*images`"
    with (
        pytest.raises(NotFoundError, match=said),
        debugging.toolbox(engines_of_nothing, "web", engine_name=engine_name),
    ):
        pass


def test_without_an_engine_for_containers_an_image_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def engine(name: str | None, *_: object) -> Fake:
        if name is None:
            raise EngineError("podman is not installed; docker is not installed")
        return Fake("")

    monkeypatch.setattr(debugging, "engine", engine)
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    with pytest.raises(EngineError, match="docker is not installed"):
        debugging._where(machine, "web:1", None)
    monkeypatch.setattr(debugging, "stored", lambda layout, name: None)
    assert debugging._where(machine, "web:1", None)[1] is False


@dataclass
class Container:
    """A sandbox that runs, as far as a note asks it."""

    id: str = "sandbox-1"
    target: Target = Target(os.getpid(), start_of(os.getpid()) or 0, 65532, 65532, ())  # noqa: RUF009


@pytest.mark.parametrize("engine_name", [None, "sandbox"])
@pytest.mark.parametrize("name", ["sandbox-1", "web:1", "web"])
def test_a_sandbox_that_runs_is_joined_rather_than_its_image_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_name: str | None, name: str
) -> None:
    asked = []

    def engine(name: str | None, *_: object) -> Sandbox:
        if name is None:
            raise EngineError("podman is not installed; docker is not installed")
        return Sandbox(lambda: pytest.fail("nothing is run"), tmp_path)

    @contextmanager
    def joined(machine: Machine, sandbox: Sandbox, one: object, image: str) -> Iterator[object]:
        asked.append((str(one), image))
        yield None

    monkeypatch.setattr(debugging, "engine", engine)
    monkeypatch.setattr(debugging, "_joined", joined)
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    known = "web:latest" if name == "web" else "web:1"
    with (
        noted(machine.home.sandboxes, known, Container()),
        debugging.toolbox(machine, name, "box:1", engine_name),
    ):
        pass
    assert asked == [(f"sandbox-1 ({known})", "box:1")]


@pytest.mark.parametrize("engine_name", [None, "sandbox"])
def test_a_sandbox_that_has_ended_is_said_with_those_that_run(
    engines_of_nothing: Machine, engine_name: str | None
) -> None:
    machine = engines_of_nothing
    said = r"no sandbox-2 runs .*has ended or was never there .*run: sandbox-1 \(web:1\)"
    with (
        noted(machine.home.sandboxes, "web:1", Container()),
        pytest.raises(NotFoundError, match=said),
        debugging.toolbox(machine, "sandbox-2", engine_name=engine_name),
    ):
        pass
