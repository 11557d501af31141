"""Every test below tests/ is run by `make test`, and always under the same name."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
# What tools skip by its name unless they are told otherwise.
NAMES = ("build", "dist", "venv", "node_modules", "_build", "buck-out", "site-packages", "CVS")
COLLECT = """
import json, sys, pytest
class Names:
    def pytest_collection_finish(self, session):
        print(*(f"\\n={item.nodeid}" for item in session.items))
for words in json.loads(sys.argv[1]):
    ended = pytest.main([*words, "--collect-only", "-q", "-n", "0"], [Names()])
    if ended:
        sys.exit(int(ended))
"""
# Another time of day, for what asks for it while tests are collected.
LATER = """
import time
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + 100_000_001
time.time_ns = lambda: real_ns() + 100_000_001 * 10**9
"""


def commands() -> list[list[str]]:
    """The words after `pytest` of every run that `make test` makes."""
    said = subprocess.run(
        ["make", "-C", ROOT, "--no-print-directory", "-n", "test"],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    lines = said.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.split()[0].endswith("/pytest")]


def environment(**more: str) -> dict[str, str]:
    """The caller's, without what a surrounding make or pytest says to its children."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "PYTEST", "PYTHON"))
    }
    return kept | more


def collection(first: str = "", **more: str) -> subprocess.Popen[str]:
    """A process that prints the names of all tests, after it ran `first`."""
    return subprocess.Popen(
        [sys.executable, "-c", first + COLLECT, json.dumps(commands())],
        cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The tests of `make test` as two processes name them that have next to nothing in common."""
    one = collection(PYTHONHASHSEED="1", TZ="UTC")
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    other = collection(
        first=LATER, PYTHONHASHSEED="2", TZ="Pacific/Auckland", TMPDIR=elsewhere, HOME=elsewhere
    )
    said = [process.communicate()[0] for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], "\n".join(each[-3000:] for each in said)
    return [re.findall(r"^=(.+?) ?$", text, re.MULTILINE) for text in said]


def defined(path: Path) -> Iterator[str]:
    """The test functions of a file, as pytest names them without their parameters."""
    place = path.relative_to(ROOT).as_posix()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield f"{place}::{node.name}"
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (
                f"{place}::{node.name}::{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef) and each.name.startswith("test")
            )


def test_make_test_runs_every_test_that_is_on_the_disk(collections):
    ran = {test.split("[", 1)[0] for test in collections[0]}
    files = list(TESTS.rglob("*.py"))
    on_disk = {name for path in files for name in defined(path)}
    assert sorted(on_disk - ran) == []
    assert sorted(ran - on_disk) == []
    empty = [path for path in files if path.name.startswith("test_") and not [*defined(path)]]
    assert empty == []


def test_a_test_has_one_name_whatever_the_time_the_hash_seed_and_the_folder(collections):
    one, other = collections
    assert [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]] == []
    assert len(one) == len(set(one))


def test_no_folder_is_left_out_for_its_name(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for name in NAMES:
        (tmp_path / "tests" / name).mkdir(parents=True)
        (tmp_path / "tests" / name / "test_x.py").write_text("def test_x(): pass\n")
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert sorted(line.split("/")[1] for line in said.stdout.splitlines() if "::" in line) == (
        sorted(NAMES)
    )
