"""Formats: found by name or by a file's ending, loaded when they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ironhull.compare.reports.formats import FORMATS as OF_COMPARISON
from ironhull.reports.interface import by_ending
from ironhull.scan.reports.formats import FORMATS as OF_SCAN


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.html", "html"),
        ("A.HTM", "html"),
        ("a.json", "json"),
        ("a.md", "markdown"),
        ("a.svg", "badge"),
        ("a.html.gz", None),
        ("html", None),
    ],
)
def test_a_file_names_the_format_by_its_ending(name: str, form: str | None) -> None:
    found = by_ending(OF_COMPARISON.values(), name)
    assert (found.name if found else None) == form


def test_a_longer_ending_is_another_format_than_its_last_part() -> None:
    found = [by_ending(OF_SCAN.values(), f"a{end}") for end in (".cdx.json", ".openvex.json")]
    assert [each.name for each in found if each] == ["cyclonedx", "openvex"]


@pytest.mark.parametrize("module", ["ironhull.cli.scan", "ironhull.cli.compare"])
def test_knowing_the_formats_does_not_load_the_template_engine(module: str) -> None:
    code = f"import sys, {module}; print('jinja2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
