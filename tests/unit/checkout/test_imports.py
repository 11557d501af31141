"""Who may import whom, beyond the package: import-linter holds what lies in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from tests.unit.checkout.test_collection import ROOT


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("src", {"tests", "benchmarks", "outside"}),
        ("outside", {"tests", "benchmarks", "pytest"}),
        ("benchmarks", {"tests", "pytest"}),
        ("tests", {"benchmarks"}),
        ("docs", {"tests", "benchmarks", "outside", "pytest"}),
    ],
)
def test_no_file_of_a_folder_imports_from_these_others(folder: str, others: set[str]):
    assert sorted(f"{where} imports {name}" for where, name in imported(folder, others)) == []


def imported(folder: str, others: set[str]) -> Iterator[tuple[str, str]]:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                if name.partition(".")[0] in others:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", name
