"""The limits that keep the code readable: functions, modules, and a thin command line."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from ironhull.cli import VERBS

SOURCE = Path(__file__).parents[3] / "src/ironhull"
LONGEST_FUNCTION, MEDIAN_FUNCTION, LONGEST_MODULE, LINES_A_VERB = 60, 10, 600, 115


def functions() -> Iterator[tuple[int, str]]:
    """Lines and place of every function of the package."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield lines, f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_function_is_longer_than_a_screen_and_most_are_short() -> None:
    found = list(functions())
    assert [place for length, place in found if length > LONGEST_FUNCTION] == []
    assert statistics.median(length for length, _ in found) <= MEDIAN_FUNCTION


def test_no_module_is_too_long_to_read() -> None:
    assert [str(p) for p in SOURCE.rglob("*.py") if lines(p) > LONGEST_MODULE] == []


def test_the_command_line_is_thin() -> None:
    """What a library user would need stands below it; so many lines for each verb, on average."""
    total = sum(lines(path) for path in (SOURCE / "cli").glob("*.py"))
    assert total <= LINES_A_VERB * len(VERBS)
