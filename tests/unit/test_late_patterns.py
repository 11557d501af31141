"""Patterns that are compiled when first used, and the same answers."""

from __future__ import annotations

import copy
import pickle
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ironhull import late_patterns as late_patterns_module
from ironhull.late_inspect import alone
from ironhull.late_patterns import late_patterns

TEXT = r"(?P<letter>[a-c])(\d+)"
STANDARD = re.compile(TEXT, re.IGNORECASE)


@pytest.fixture(autouse=True)
def no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests before this one have left running knows nothing of patterns."""
    monkeypatch.setattr(late_patterns_module, "alone", lambda: True)


def late(*given: Any, **named: Any) -> Any:
    with late_patterns():
        return re.compile(*given, **named)


ASKED: list[Callable[[Any], object]] = [
    lambda of: of.fullmatch("B12").groups(),
    lambda of: of.search("xx a1 c2").span(),
    lambda of: of.match("d1"),
    lambda of: of.sub(r"<\1>", "a1 b2"),
    lambda of: [found["letter"] for found in of.finditer("a1 b2")],
    lambda of: (of.pattern, of.flags, of.groups, dict(of.groupindex)),
    lambda of: isinstance(of, re.Pattern),
    lambda of: re.sub(of, "-", "a1 b2"),
    lambda of: re.compile(of).findall("a1 b2"),
    lambda of: of == STANDARD,
    lambda of: STANDARD == of,  # noqa: SIM300 - whose comparison is asked differs
    lambda of: of == late(TEXT, re.IGNORECASE),
    lambda of: of == late(TEXT),
    lambda of: hash(of) == hash(STANDARD),
    lambda of: repr(of),
    lambda of: copy.deepcopy([of])[0] == of,
    lambda of: copy.copy(of) == of,
    lambda of: pickle.loads(pickle.dumps(of)) == of,
    lambda of: hasattr(of, "nothing"),
]


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("asked", ASKED)
def test_a_pattern_compiled_late_answers_as_any_other(
    asked: Callable[[Any], object], used: bool
) -> None:
    pattern = late(TEXT, flags=re.IGNORECASE)
    assert type(pattern) is not re.Pattern
    if used:
        assert pattern.match("a1")
    assert asked(pattern) == asked(STANDARD)


def test_after_the_block_patterns_are_compiled_at_once() -> None:
    with late_patterns(), late_patterns():
        pass
    assert type(re.compile(TEXT)) is re.Pattern


def test_a_wrong_pattern_is_said_to_be_wrong_when_it_is_used() -> None:
    pattern = late("(")
    with pytest.raises(re.error, match="unterminated subpattern"):
        pattern.match("x")


def test_where_another_thread_runs_patterns_are_compiled_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_patterns_module, "alone", alone)
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert type(late(TEXT)) is re.Pattern
    finally:
        ended.set()
        other.join()
