"""hadolint finds nothing in a result that it did not find in the input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from outside.dockerfile_rows import every

HADOLINT = Path(sys.executable).parent / "hadolint"
# The same remark for another package manager, and what it says where it cannot read a file.
SAME = {"DL3018": "DL3008", "DL3019": "DL3009", "DL1000": ""}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], set[str]]:
    """Codes by row and side, of one run over all files."""
    folder = tmp_path_factory.mktemp("rows")
    names = {}
    for number, row in enumerate(every()):
        for side, text in (("old", row.source), ("new", row.migrated().text)):
            path = folder / f"{number}-{side}"
            path.write_bytes(text)
            names[str(path)] = (row.name, side)
    made = subprocess.run(
        [HADOLINT, "--no-fail", "-f", "json", *names], capture_output=True, check=True
    )
    found: dict[tuple[str, str], set[str]] = {name: set() for name in names.values()}
    for each in json.loads(made.stdout):
        found[names[each["file"]]].add(SAME.get(each["code"], each["code"]))
    return found


def test_hadolint_reads_the_rows_and_finds_something(findings):
    assert {"DL3008", "DL3025"} <= {code for codes in findings.values() for code in codes}


@pytest.mark.parametrize("row", every(), ids=lambda row: row.name)
def test_a_result_has_no_finding_that_the_input_had_not(row, findings):
    new, old = findings[row.name, "new"], findings[row.name, "old"]
    # What it could not read before (heredocs), it cannot have found anything in.
    assert "" in old or new - old == set()


def test_hadolint_reads_nearly_every_row(findings):
    assert sum("" in codes for codes in findings.values()) < 20
