"""docs/catalog.md has every definition of the catalog, and none that is not there."""

import re
from pathlib import Path

from ironhull.definition.catalog import Catalog

ROOT = Path(__file__).parents[3]


def test_the_page_of_the_catalog_lists_every_definition_once() -> None:
    page = (ROOT / "docs/catalog.md").read_text().split("## Beside")[0]
    listed = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    there = [f"{entry.image}:{entry.stem}" for entry in Catalog(ROOT / "images").all()]
    assert sorted(listed) == sorted(there), "build what is missing, then run docs/catalog.py"
