"""The state of watching on a real PostgreSQL: what tests/unit/state asks SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.postgres import Postgres, postgres
from tests.fakes.state_contract import CASES, NODE, Clock, check, name_of
from tests.real.tools import tool

from ironhull.errors import EnvironmentProblem
from ironhull.state.watching import WatchState

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres(Path(tool("postgres"))) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_postgresql_does_what_a_state_has_to(case: Callable[..., None], server: Postgres) -> None:
    check(case, server.new_database)


def test_a_server_that_crashes_is_said_and_used_again_once_it_is_back(server: Postgres) -> None:
    with WatchState(server.new_database(), Clock()) as state:
        state.set_note("cycle", "1")
        server.kill()
        try:
            with pytest.raises(EnvironmentProblem, match="the state at postgresql"):
                state.image(NODE)
        finally:
            server.start()
        assert state.note("cycle") == "1"
