"""What comes out of the attacked container is read with care."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.engine import FakeEngine, said
from tests.fakes.node_app import attack_says

from ironhull.demo.attack import NEEDED, TITLES, attack, parse
from ironhull.engine.interface import RunOptions
from ironhull.errors import EngineError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_every_attempt_has_a_title_and_every_title_an_attempt() -> None:
    code = files("ironhull.demo").joinpath("attack.js").read_text("utf-8")
    tried = re.findall(r"^attempt\('(\w+)'", code, re.MULTILINE)
    assert sorted(tried) == sorted(TITLES)
    assert set(TITLES) >= NEEDED


def test_attempts_come_in_the_order_of_the_titles() -> None:
    found = parse(attack_says(1000, possible=False))
    assert [one.name for one in found.attempts] == list(TITLES)
    assert found.succeeded == 0
    assert found.no_new_privileges


@given(st.text() | JSON.map(json.dumps))
def test_any_other_answer_is_an_error_of_the_engine(text: str) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        parse(text)


@given(st.sampled_from(["uid", "capabilities", "node", "attempts", "noNewPrivileges"]), JSON)
def test_a_changed_field_never_raises_anything_else(name: str, value: object) -> None:
    with suppress(EngineError):
        parse(json.dumps(json.loads(attack_says()) | {name: value}))


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    attempts = {name: {"done": True, "detail": "\x1b[2Jgone\n" + "x" * 900} for name in TITLES}
    found = parse(attack_says(attempts=attempts))
    assert found.attempts[0].detail.startswith("\ufffd[2Jgone x")
    assert len(found.attempts[0].detail) == 200


def test_code_that_does_not_run_is_told() -> None:
    engine = FakeEngine(lambda command: said(exit_code=127, stderr="node: not found"))
    with (
        engine.start("app", RunOptions()) as container,
        pytest.raises(EngineError, match=r"exit code 127.*node: not found"),
    ):
        attack(container)
