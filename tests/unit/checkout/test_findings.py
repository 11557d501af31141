"""The scripts in findings/ have their form; what they show is run by hand, not here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
# "# program 1.2.3 …", and with that number the script asks for the program.
TITLE = re.compile(r"# (\S+) (\d+(?:\.\d+)+)\b")


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_can_be_run_stops_at_errors_and_names_its_version(script: Path) -> None:
    text = script.read_text()
    first, title, *_ = text.splitlines()
    assert first == "#!/bin/sh"
    assert os.access(script, os.X_OK)
    assert "\nset -eu\n" in text
    subprocess.run(["sh", "-n", script], check=True)
    named = TITLE.match(title)
    assert named
    program, version = named.groups()
    installed = f"VERSION={version}\n" in text or f"{program}={version}" in text
    assert installed, f"{script.name} does not install {program} {version}"
    assert "ironhull" not in text.lower()


def test_each_finding_has_its_line_in_the_list() -> None:
    page = (FOLDER / "README.md").read_text()
    listed = re.findall(r"(?m)^- \[(\S+)\]\((\S+)\): ", page)
    assert [(path.name, path.name) for path in SCRIPTS] == listed
