"""Which images of other places are started when they are checked."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.fakes.engine import FakeEngine

from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.store.choice import machine_platform
from ironhull.workspace import checking
from ironhull.workspace.checking import CheckChoices, start_in_engine
from ironhull.workspace.machine import Machine


def test_an_archive_is_not_started_and_it_is_said_how_it_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "engine", lambda name, settings: FakeEngine())
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    started, why = start_in_engine(machine, "./web.tar", machine_platform(), (), CheckChoices())
    assert started is None
    assert "ironhull copy ./web.tar store:NAME:TAG" in why


def test_an_image_that_names_nothing_to_start_is_not_started_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base image: engines refuse it in words of their own."""
    monkeypatch.setattr(checking, "engine", lambda name, settings: FakeEngine())
    monkeypatch.setattr(checking, "_in_engine", lambda *_: nullcontext("base"))
    monkeypatch.setattr(FakeEngine, "inspect", lambda self, image: {"User": "65532"})
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    started, why = start_in_engine(machine, "base:1", machine_platform(), (), CheckChoices())
    assert started is None
    assert why == "it names nothing to start (entrypoint, cmd)"
