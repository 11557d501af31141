"""In a clone with nothing beside it the tests of the data pass, in CI too, and none skips."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outside.data import VARIABLE

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
# What reads advisory data; tests/unit/checkout holds that nothing else looks beside the checkout.
FOLDERS = ("advisories", "scan", "vex", "checkout/test_data.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that git has or would take, in their present state."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    folder = tmp_path / "alone/clone"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def test_the_tests_of_the_data_pass_in_a_clone_with_nothing_beside_it(clone):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != VARIABLE and not name.startswith(("PYTEST_", "PYTHON"))
    }
    words = ["-p", "no:cacheprovider", *(f"tests/unit/{name}" for name in FOLDERS)]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tally", "tally", *words],
        cwd=clone, env=kept | {"CI": "true", "PYTHONPATH": str(clone / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:]
    tally = json.loads((clone / "tally").read_text())
    assert tally["skipped"] == 0
    assert tally["left_out"] > 0
    assert tally["ran"] + tally["left_out"] == tally["collected"]
    assert tally["ran"] > 400
