"""The state of watching on SQLite; tests/real/test_state.py asks PostgreSQL the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from tests.fakes.state_contract import CASES, NODE, Clock, check, name_of

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.state.connecting import sqlite_url
from ironhull.state.watch_records import moment, stamp
from ironhull.state.watching import WatchState


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_sqlite_does_what_a_state_has_to(case: Callable[..., None], tmp_path: Path) -> None:
    numbers = count()
    check(case, lambda: sqlite_url(tmp_path / "new" / f"watch %41 {next(numbers)}.sqlite"))


@pytest.mark.parametrize("text", ["", "file", "mysql://a/b", "sqlite://", "oracle:///x", "a:b:c"])
def test_another_address_is_refused_without_saying_its_password(text: str) -> None:
    with pytest.raises(InputError, match="expected sqlite:"):
        WatchState(text, Clock())


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        WatchState("postgresql://me:hidden@127.0.0.1:9/x", Clock())
    assert "127.0.0.1" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"no database, " * 100)
    with pytest.raises(EnvironmentProblem, match="not a database"):
        WatchState(sqlite_url(tmp_path / "state"), Clock())


def test_a_state_that_is_destroyed_meanwhile_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with WatchState(sqlite_url(path), Clock()) as state:
        with sqlite3.connect(path) as other:
            other.execute("DROP TABLE image")
        with pytest.raises(EnvironmentProblem, match="no such table"):
            state.image(NODE)


def test_moments_sort_as_text() -> None:
    early, late = (datetime(2026, 1, 2, 3, 4, 5, micro, UTC) for micro in (7000, 700000))
    assert stamp(early) == "2026-01-02T03:04:05.007Z"
    assert stamp(early) < stamp(late)
    assert moment(stamp(early)) == early
    assert moment("") is None
