"""What readers see is worked out once, and after a push only what the push changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from outside.made_catalog import NODE_20, FakeCatalog, build, fake_catalog, finding, package, scan

from ironhull.catalog.shelf import Shelves, shelf_of
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.server.listing import Tags

READERS = 8


def shelves(catalog: FakeCatalog) -> Shelves:
    tags = Tags(catalog.layout)
    return Shelves(catalog.index, lambda: tags.listing().tags)


def test_of_many_who_ask_at_once_the_first_works_it_out(tmp_path: Path) -> None:
    made = shelves(fake_catalog(tmp_path / "store"))
    together, works = threading.Barrier(READERS), []

    def ask() -> tuple[int, str]:
        together.wait()
        shelf = made.shelf("all", lambda name: True)
        return shelf.number, shelf.kept("answer", lambda: works.append(1) or "worked out")

    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda _: ask(), range(READERS)))
    assert len({number for number, _ in found}) == 1
    assert [answer for _, answer in found] == ["worked out"] * READERS
    assert works == [1]


def test_a_push_leaves_the_entries_of_other_repositories_as_they_are(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    made = shelves(catalog)
    before = made.shelf("all", lambda name: True)
    descriptor = Descriptor(OCI_INDEX, Digest(NODE_20.digest), 500)
    catalog.layout.tag(descriptor, ["node:20-again"])
    after = made.shelf("all", lambda name: True)
    assert after.by_name["node"].tags["20-again"] == NODE_20.digest
    assert "20-again" not in before.by_name["node"].tags
    assert after.by_name["python"] is before.by_name["python"]


def test_what_a_watcher_has_built_and_not_published_is_not_shown(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    made = shelves(catalog)
    before = set(made.shelf("all", lambda name: True).by_name)
    descriptor = Descriptor(OCI_INDEX, Digest(NODE_20.digest), 500)
    catalog.layout.tag(descriptor, ["candidate/node:20", "locked/node:20", "node/locked:20"])
    after = made.shelf("all", lambda name: True)
    assert set(after.by_name) == before | {"node/locked"}
    assert after.whole


def test_a_repository_that_nobody_may_see_any_more_is_not_kept(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    made, allowed = shelves(catalog), {"node", "python"}
    made.shelf("some", allowed.__contains__)
    allowed.discard("python")
    catalog.layout.tag(Descriptor(OCI_INDEX, Digest(NODE_20.digest), 500), ["node:20-again"])
    assert set(made.shelf("some", allowed.__contains__).by_name) == {"node"}


def test_a_scan_makes_anew_the_entries_with_that_image_and_no_others(tmp_path: Path) -> None:
    catalog, now = fake_catalog(tmp_path / "store"), [0.0]
    tags = Tags(catalog.layout)
    made = Shelves(catalog.index, lambda: tags.listing().tags, lambda: now[0])
    before = made.shelf("all", lambda name: True)
    found = [finding(f"CVE-2026-{number}", "libssl3t64") for number in range(5001, 5005)]
    catalog.index.put_scan(scan(NODE_20, *found), "")
    now[0] = 60.0
    after = made.shelf("all", lambda name: True)
    assert after.summaries[NODE_20.digest].raw == len(found)
    assert after.by_name["node"] is not before.by_name["node"]
    assert after.by_name["node"].summary is after.summaries[NODE_20.digest]
    assert after.by_name["python"] is before.by_name["python"]


DESCRIPTIONS = (
    "First in lists",
    "no list\nsecond line",
    "nginx\tfront",
    "Ünïcode ﬁn",
    "",
    "in lists",
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list",
        "lists in",
        "second",
        "linesecond",
        "a",
        "ünïcode",
        "front",
        "z",
        "in",
        "1",
        "b 1",
    ],
)
def test_a_search_finds_what_has_every_word_in_its_own_text(tmp_path: Path, text: str) -> None:
    catalog = fake_catalog(tmp_path / "store")
    for letter, description in zip("abcdef", DESCRIPTIONS, strict=True):
        made = build(letter, [package("made", "1")], description=description)
        catalog.add(made, None, f"{letter}:1")
    listed = Tags(catalog.layout).listing().tags
    shelf = shelf_of(listed, catalog.index.summaries(), lambda name: True, 1)
    wanted = [each for each in shelf.entries if all(word in each.words for word in text.split())]
    # A shelf that is searched often is searched in another way.
    for _ in range(50):
        found = shelf.search(text)
        assert sorted(each.name for each in found) == [each.name for each in wanted]
        assert len({each.name for each in found}) == len(found)
    assert found == shelf_of(listed, catalog.index.summaries(), lambda name: True, 1).search(text)
