"""A toolbox beside a container or over an image, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

import ironhull.workspace.debugging as debugging
from ironhull.engine.interface import RunOptions
from ironhull.engine.process import Finished
from ironhull.errors import EngineError, NotFoundError
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.workspace.machine import Machine


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
    ("code", "said"), [(125, "podman has no container 'web'"), (0, "ironhull build toolbox:13")]
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


@pytest.mark.parametrize("engine_name", [None, "podman", "sandbox"])
def test_a_target_that_is_neither_container_nor_image_is_said_with_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_name: str | None
) -> None:
    def engine(name: str | None, *_: object) -> Fake:
        fake = Fake("")
        fake.name = name or "podman"
        return fake

    no = Finished(125, "", "", timed_out=False, seconds=0)
    monkeypatch.setattr(debugging, "engine", engine)
    monkeypatch.setattr(debugging, "call", lambda words, timeout: no)
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    said = "no image 'web:latest'" if engine_name == "sandbox" else "`podman ps` lists .*images`"
    with (
        pytest.raises(NotFoundError, match=said),
        debugging.toolbox(machine, "web", engine_name=engine_name),
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
