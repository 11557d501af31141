"""A registry for all tests of a module, and a shop to watch that publishes to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import Watched


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("registry") / "store") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, server: RunningServer) -> Watched:
    return Watched(tmp_path, f"{server.host}/{tmp_path.name.replace('_', '-')}")
