"""No test holds a duration against a limit: how long something takes is measured by benchmarks/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}


def timed(source: str) -> Iterator[int]:
    """Lines with an assertion in which a clock's time is subtracted from, or something from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            for part in ast.walk(node.test):
                if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub):
                    names = {
                        each.attr for each in ast.walk(part) if isinstance(each, ast.Attribute)
                    }
                    if names & CLOCKS:
                        yield node.lineno


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("assert time.process_time() - begun < 2", [1]),
        ("begun = 1\nassert 2 > time.monotonic() - begun", [2]),
        ("assert time.monotonic() < deadline", []),
        ("assert end - begun == 2", []),
    ],
)
def test_an_assertion_about_a_duration_is_found(source: str, found: list[int]) -> None:
    assert list(timed(source)) == found


def test_no_test_asserts_how_long_something_takes() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in timed(path.read_text())
    ]
    assert found == [], "count the work (tests/work.py), or guard against a hang with `ends`"
