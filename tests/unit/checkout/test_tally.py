"""No test goes missing without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tally import Tally, main
from tests.unit.checkout.test_collection import ROOT, environment

TESTS = """
import pytest
from tests.tally import LEFT_OUT

def test_good(): pass
def test_skipped(): pytest.skip("needs a thing")
def test_left_out(): pytest.skip(f"{LEFT_OUT}the whole data are not here")
@pytest.mark.xfail(strict=True)
def test_wrong(): raise AssertionError
"""
HOOKS = "from tests.conftest import *\n"
# As when a worker dies, or a plugin takes a test for its own.
LOST = HOOKS + "def pytest_runtest_protocol(item): return item.name == 'test_good' or None\n"


def run(folder: Path, hooks: str, *options: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (folder / "conftest.py").write_text(hooks)
    (folder / "test_x.py").write_text(TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tally", "out/unit", "test_x.py", *options],
        cwd=folder, env=environment(CI=ci, PYTHONPATH=str(ROOT)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_run_says_how_many_tests_ran_and_writes_it(tmp_path):
    ended = run(tmp_path, HOOKS, "-n", "2")
    assert ended.returncode == 0, ended.stdout
    assert "2 of 4 tests ran, 1 skipped, 1 left out" in ended.stdout
    assert json.loads((tmp_path / "out/unit").read_text()) == {
        "collected": 4, "ran": 2, "skipped": 1, "left_out": 1,
    }  # fmt: skip


def test_ci_takes_a_skip_for_a_failure_and_what_is_left_out_for_what_it_is(tmp_path):
    ended = run(tmp_path, HOOKS, ci="true")
    assert ended.returncode == 1
    assert "skipped, which CI does not allow: needs a thing" in ended.stdout
    assert "3 of 4 tests ran, 1 left out" in ended.stdout
    assert run(tmp_path, HOOKS, "--deselect", "test_x.py::test_skipped", ci="true").returncode == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_in_which_a_test_has_no_outcome_fails(tmp_path, workers):
    ended = run(tmp_path, LOST, "-n", workers)
    assert ended.returncode == 1
    assert "1 of 4 tests ran, 1 skipped, 1 left out" in ended.stdout
    assert "1 WITHOUT AN OUTCOME" in ended.stdout


def test_the_sum_of_all_runs_is_printed(tmp_path, capsys):
    for name, numbers in (("unit", (10, 10, 0, 0)), ("real", (5, 2, 1, 2))):
        keys = ("collected", "ran", "skipped", "left_out")
        (tmp_path / name).write_text(json.dumps(dict(zip(keys, numbers, strict=True))))
    paths = [str(tmp_path / name) for name in ("unit", "real")]
    assert main(paths) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "unit: 10 of 10 tests ran"
    assert lines[1].startswith("real: 2 of 5 tests ran, 1 skipped, 2 left out")
    assert lines[2].startswith("all:  12 of 15 tests ran, 1 skipped, 2 left out")


@pytest.mark.parametrize("tally", [Tally(), Tally(3, 2)])
def test_a_run_without_tests_or_with_a_lost_one_fails_the_sum(tmp_path, tally):
    values = {"collected": tally.collected, "ran": tally.ran, "skipped": 0, "left_out": 0}
    (tmp_path / "unit").write_text(json.dumps(values))
    assert main([str(tmp_path / "unit")]) == 1
