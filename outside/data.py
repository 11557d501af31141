"""Where the whole advisory data are, of which tests/data has excerpts.

IRONHULL_TEST_DATA names their folder. Where it is not set they are looked for beside the checkout;
where it is empty, nowhere.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "IRONHULL_TEST_DATA"
BESIDE = Path(__file__).parents[2] / "shared/data"


def whole_folder() -> Path | None:
    """The folder of the whole data; None where they are not here."""
    named = os.environ.get(VARIABLE)
    if named is None:
        return BESIDE if BESIDE.is_dir() else None
    if named and not Path(named).is_dir():
        raise FileNotFoundError(f"{VARIABLE} is {named}: expected a folder, or nothing")
    return Path(named) if named else None


def whole_file(name: str) -> Path | None:
    """A file of the whole data; None where they are not here."""
    folder = whole_folder()
    if folder and not (folder / name).exists():
        raise FileNotFoundError(f"{folder} has no {name}: see tests/data/README.md")
    return folder / name if folder else None
