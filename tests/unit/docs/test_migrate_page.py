"""docs/migrate.md: its rules are those of the code, its description of a catalog is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ironhull.migrate.catalog.described import read_description
from ironhull.migrate.migrate import migrate
from ironhull.migrate.model import Rung
from ironhull.migrate.rules.manual import manual

PAGE = (Path(__file__).parents[3] / "docs/migrate.md").read_text()


def test_the_rules_are_those_of_the_code() -> None:
    """If this fails: put what `ironhull migrate --rules` prints between the page's marks."""
    assert f"<!-- rules -->\n{manual()}<!-- end -->" in PAGE


def test_the_ladder_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \|", PAGE.split("## The ladder")[1], re.MULTILINE)
    assert [row for row in rows if row != "rung"][: len(Rung)] == [rung.value for rung in Rung]


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
def test_the_description_is_one(text: str) -> None:
    catalog = read_description(text.encode(), "page")
    found = migrate(b'FROM node:20\nCOPY a.js /a.js\nCMD ["node", "/a.js"]\n', None, catalog)
    assert found.complete
    assert b"FROM registry.example/hardened/node:20\n" in found.text
