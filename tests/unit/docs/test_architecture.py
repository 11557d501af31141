"""The pages about the code say what the code is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/architecture.md").read_text()


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawing", ROOT / "docs/architecture_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_rooms_is_what_the_contract_says() -> None:
    """If this fails: python docs/architecture_picture.py"""
    assert (ROOT / "docs/architecture.svg").read_text() == drawing().picture()


def test_every_room_is_in_the_contract_and_the_other_way_round() -> None:
    source = ROOT / "src/ironhull"
    there = {path.parent.name for path in source.glob("*/__init__.py")}
    there |= {path.stem for path in source.glob("*.py") if path.stem != "__init__"}
    drawn = {room.removeprefix("ironhull.") for row in drawing().rows() for room in row}
    assert drawn == there


def test_every_place_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(src/[\w./]+|[\w/]+/interface\.py)`", PAGE)
    assert len(named) > 12
    for place in named:
        assert (ROOT / place).exists() or (ROOT / "src/ironhull" / place).exists(), place
