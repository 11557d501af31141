"""The advisory data of the tests: the excerpts beside this file, or the whole where it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outside.data import VARIABLE, whole_file
from tests.tally import LEFT_OUT

EXCERPTS = Path(__file__).parent


def excerpt(name: str) -> Path:
    """An excerpt, which is always here."""
    path = EXCERPTS / name
    if not path.exists():
        raise FileNotFoundError(f"tests/data has no {name}: see tests/data/cut.py")
    return path


def whole(name: str) -> Path:
    """A file of the whole data; where they are not here, the test is left out and counted so."""
    found = whole_file(name)
    if found is None:
        pytest.skip(f"{LEFT_OUT}the whole data are not here: {name} ({VARIABLE})")
    return found


def osv_records(name: str) -> Iterator[dict[str, Any]]:
    """The records of an excerpt in OSV's form."""
    for line in excerpt(name).read_text().splitlines():
        yield json.loads(line)


def osv_export(path: Path, name: str = "osv-debian-2025-02-12.jsonl") -> Path:
    """An excerpt as the zip file that OSV's bulk exports and updates are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in osv_records(name):
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return path
