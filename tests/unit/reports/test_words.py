"""Numbers of things, as people read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ironhull.reports.words import amount, tally

SOURCE = Path(__file__).parents[3] / "src/ironhull"
PRINTING = ["cli", *sorted(f"{one.parent.name}/reports" for one in SOURCE.glob("*/reports"))]
# `{len(tags)} tags`, `{done.files} files`: of one it would say `1 tags`.
BARE = re.compile(r"\{(?!percent)[^{}]+\} (?:[a-z]+ )?([a-z]+s)\b")
_DO = ("fixes", "signs", "asks")
NO_THINGS = frozenset({"is", "as", "has", "was", "its", "this", "does", "names", "bytes", *_DO})


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (tally(1, "tag"), "1 tag"),
        (tally(0, "tag"), "0 tags"),
        (tally(["a", "b"], "older image"), "2 older images"),
        (tally(12345, "entry", "entries"), "12,345 entries"),
        (tally({"one"}, "entry", "entries"), "1 entry"),
        (amount(1, "days"), "1 day"),
    ],
)
def test_one_thing_is_not_several(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize("folder", PRINTING)
def test_what_is_printed_counts_by_one_function(folder: str) -> None:
    found = [
        f"{path.relative_to(SOURCE)}: {match[0]}"
        for path in sorted((SOURCE / folder).glob("*.py"))
        for line in path.read_text().splitlines()
        if "raise " not in line
        for match in BARE.finditer(line)
        if match[1] not in NO_THINGS
    ]
    assert found == []
