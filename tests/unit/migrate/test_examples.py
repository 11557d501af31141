"""What migrate makes of the applications of `examples/`: kept beside each, and held here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.examples import EXAMPLES, FOLDER, Example

from ironhull.definition.catalog import Catalog
from ironhull.migrate.catalog.definitions import DefinitionCatalog
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.migrate import migrate

IMAGES = Path(__file__).parents[3] / "images"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_the_migrated_dockerfile_is_the_one_that_is_kept(example: Example):
    catalog = DefinitionCatalog("localhost", Catalog(IMAGES))
    context = FolderContext(example.path.parent)
    found = migrate(example.path.read_bytes(), context, catalog)
    assert found.text.decode() == example.migrated.read_text()
    assert found.complete is example.complete
    again = migrate(found.text, context, catalog)
    assert again.text == found.text


def test_every_example_is_held():
    # These are definitions: tests/real/test_built_sources.py and test_patched_package.py.
    definitions = {"sources", "packages"}
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()} - definitions
    assert folders == {example.name for example in EXAMPLES}
