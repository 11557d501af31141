"""What a vulnerability means for the whole catalog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from outside.made_catalog import (
    NOW,
    PYTHON,
    SECRET,
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
    order = [(ORDER.index(each.means), each.image, each.tag) for each in whole.images]
    assert order == sorted(order)
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


def test_what_a_stranger_asks_reads_nothing_of_what_only_private_images_have(
    catalog: FakeCatalog,
) -> None:
    only_private, nobodys = "CVE-2026-0077", "CVE-2026-0078"
    catalog.index.put_scan(scan(SECRET, finding(only_private, "tellnobody")), "")
    listed = Tags(catalog.layout).listing().tags
    strangers = shelf_of(
        listed, catalog.index.summaries(), lambda name: not name.startswith("team/"), 1
    )
    asked: dict[str, list[str]] = {}
    for identifier in (nobodys, only_private, nobodys):
        statements: list[str] = []
        with catalog.index._file.reading() as database:
            database.set_trace_callback(statements.append)
            found = answer(strangers, catalog.index, None, identifier)
            database.set_trace_callback(None)
        assert (found.known, found.severity) == (False, "")
        asked[identifier] = [each.replace(identifier, "") for each in statements]
    assert asked[only_private] == asked[nobodys]
    # The builds that are looked into are part of the statement: there is none.
    assert all("json_each('[]')" in each for each in asked[nobodys])


def test_who_sees_a_part_is_answered_of_that_as_who_sees_all(catalog: FakeCatalog) -> None:
    listed, summaries = Tags(catalog.layout).listing().tags, catalog.index.summaries()
    part = shelf_of(listed, summaries, lambda name: not name.startswith("team/"), 1)
    for identifier in ("CVE-2026-0001", "CVE-2026-0002", "CVE-2000-0001"):
        all_of = answer(shelf(catalog), catalog.index, None, identifier)
        seen = answer(part, catalog.index, None, identifier)
        assert list(seen.images) == [each for each in all_of.images if each.image != "team/secret"]
