"""What a vulnerability means for the whole catalog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from outside.made_catalog import (
    NOW,
    PYTHON,
    FakeCatalog,
    build,
    fake_catalog,
    finding,
    package,
    scan,
)

from ironhull.catalog import answers
from ironhull.catalog.answers import ORDER, Answer, answer, found_in
from ironhull.catalog.shelf import Shelf, shelf_of
from ironhull.registry.server.listing import Tags


@pytest.fixture
def catalog(tmp_path: Path) -> FakeCatalog:
    return fake_catalog(tmp_path / "store")


def shelf(catalog: FakeCatalog) -> Shelf:
    listed = Tags(catalog.layout).listing().tags
    return shelf_of(listed, catalog.index.summaries(), lambda name: True, 1)


def asked(catalog: FakeCatalog, identifier: str) -> tuple[Answer, dict[str, str]]:
    found = answer(shelf(catalog), catalog.index, None, identifier)
    return found, {f"{each.image}:{each.tag}": each.means for each in found.images}


def test_each_image_is_affected_fixed_not_affected_or_unknown(catalog: FakeCatalog) -> None:
    found, means = asked(catalog, "CVE-2026-0001")
    assert means == {
        "node:20-dev": "affected",
        "node:20-standard": "affected",
        "team/secret:1": "affected",
        "nginx:1.26": "unknown",
        "node:20": "not_affected",
        "python:3.13": "not_affected",
    }
    assert found.counts == {"affected": 3, "unknown": 1, "fixed": 0, "not_affected": 2}
    cleared = next(each for each in found.images if each.image == "node" and each.tag == "20")
    assert cleared.why == "the module is not built"


@pytest.mark.parametrize("identifier", ["CVE-2026-0001", "CVE-2026-0002", "CVE-2000-0001"])
def test_the_counts_are_those_of_the_images_listed_or_not(
    catalog: FakeCatalog, identifier: str
) -> None:
    seen = shelf(catalog)
    whole = answer(seen, catalog.index, None, identifier)
    assert [each.means for each in whole.images] == sorted(
        (each.means for each in whole.images), key=ORDER.index
    )
    counted = {means: sum(each.means == means for each in whole.images) for means in ORDER}
    assert whole.counts == counted
    alone = answer(seen, catalog.index, None, identifier, listed=False)
    assert (alone.counts, alone.images, alone.known) == (counted, (), whole.known)


def test_fixed_is_what_an_earlier_image_of_the_tag_had_and_says_when(catalog: FakeCatalog) -> None:
    found, means = asked(catalog, "CVE-2026-0002")
    assert means["python:3.13"] == "fixed"
    fixed = next(each for each in found.images if each.image == "python")
    assert (fixed.digest, fixed.fixed) == (PYTHON.digest, NOW)


def test_a_name_that_nobody_knows_is_unknown_everywhere(catalog: FakeCatalog) -> None:
    found, means = asked(catalog, "CVE-2099-9999")
    assert not found.known
    assert set(means.values()) == {"unknown"}


def test_a_scan_that_is_not_complete_clears_nothing(catalog: FakeCatalog) -> None:
    half = build("half", [package("libc6", "2.41")])
    catalog.add(half, scan(half, verdict="partial"), "half:1")
    _, means = asked(catalog, "CVE-2026-0001")
    assert means["half:1"] == "unknown"


def test_what_the_scan_could_not_tell_is_unknown(catalog: FakeCatalog) -> None:
    odd = build("odd", [package("libc6", "2.41")])
    unsure = replace(finding("CVE-2026-0001", "libc6"), status="unknown")
    catalog.add(odd, scan(odd, unsure), "odd:1")
    _, means = asked(catalog, "CVE-2026-0001")
    assert means["odd:1"] == "unknown"


def test_findings_of_all_images_are_listed_with_what_they_affect(catalog: FakeCatalog) -> None:
    found = {each.id: each for each in found_in(catalog.index, shelf(catalog))}
    assert (found["CVE-2026-0001"].found, found["CVE-2026-0001"].affected) == (4, 3)
    # Of a build that no tag stands for any more nothing is listed.
    assert found["CVE-2026-0002"].found == 1


def test_the_list_of_all_findings_is_made_once_a_shelf_whatever_is_searched_for(
    catalog: FakeCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = shelf(catalog)
    before = found_in(catalog.index, one)
    monkeypatch.setattr(catalog.index, "findings", None)
    assert found_in(catalog.index, one) == before


def test_only_the_images_of_a_page_are_put_into_words(
    catalog: FakeCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    worded, word = [], answers._worded
    monkeypatch.setattr(answers, "_worded", lambda *given: worded.append(1) or word(*given))
    found = answer(shelf(catalog), catalog.index, None, "CVE-2026-0001")
    assert (len(found.images), worded) == (6, [])
    assert [each.means for each in found.images[1:3]] == ["affected", "affected"]
    assert len(worded) == 2
    assert found.images[-1] == list(found.images)[-1]
