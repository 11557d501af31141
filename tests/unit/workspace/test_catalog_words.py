"""What maintainers say of what changed between two builds, on the catalog's pages: offline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workspace.test_changelog import offer
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.workspace import catalog_words
from ironhull.workspace.cataloguing import opened_index


class Shop:
    """app:1 was built in version 1.0-1, seen by the catalog, and built in 1.2-1."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.shop: Workspace = workspace(folder)
        offer(folder, "1.0-1")
        self.shop.build("app:1")
        self.shop.gather_catalog()
        offer(folder, "1.2-1", "1.1-1", "1.0-1", more=more)
        self.shop.build("app:1", update=True)
        shutil.rmtree(folder / "mirror")

    def changes(self) -> tuple[Any, str]:
        """As the API and the page say it."""
        self.shop.export_catalog(self.folder / "site")
        site = self.folder / "site"
        value = json.loads((site / "api/v1/images/app/-/1/changes.json").read_bytes())
        return value["changes"], (site / "images/app/-/1/changes/index.html").read_text()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("words"))


def test_the_entries_between_two_builds_stand_on_the_page_and_in_the_api(shop: Shop) -> None:
    value, page = shop.changes()
    [source] = value["words"]
    assert (source["source"], source["before"], source["after"]) == ("app", "1.0-1", "1.2-1")
    assert [entry["version"] for entry in source["entries"]] == ["1.2-1", "1.1-1"]
    assert source["entries"][0]["by"] == "Ada"
    assert source["note"] == ""
    assert "What the maintainers say" in page
    assert "<pre>* What 1.1-1 brings.</pre>" in page
    assert "What 1.0-1 brings" not in page


def test_a_package_file_is_read_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = shop.changes()
    monkeypatch.setattr(catalog_words, "changelog_of", None)
    assert shop.changes()[0] == first


def test_words_that_the_store_does_not_have_are_not_known(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shutil.rmtree(shop.shop.home.packages.root)
    value, page = shop.changes()
    [source] = value["words"]
    assert source["entries"] == []
    assert source["note"] == "not known: its package file is not in this machine's store"
    assert "not known: its package file is not in this machine" in page
    # As of an image that was built elsewhere.
    shutil.rmtree(shop.shop.home.origins)
    value, _ = shop.changes()
    assert value["words"][0]["note"] == "not known: this image was not built here"


def test_hostile_and_endless_words_are_cut_and_do_nothing(tmp_path: Path) -> None:
    more = "\n  <script>alert(1)</script>\x1b[2J\n" + "  much\n" * 1500
    value, page = Shop(tmp_path, more).changes()
    texts = [entry["text"] for entry in value["words"][0]["entries"]]
    assert all(len(text) <= catalog_words.MAX_ENTRY + 2 for text in texts)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert all("\x1b" not in text for text in [page, *texts])


def test_an_answer_has_room_for_the_newest_entries_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_words, "MAX_TOGETHER", 30)
    value, _ = shop.changes()
    [source] = value["words"]
    assert [entry["version"] for entry in source["entries"]] == ["1.2-1"]
    assert source["note"] == "older ones: 1 more, in `ironhull changelog`"


def test_kept_words_do_not_make_pages_anew(shop: Shop) -> None:
    shop.shop.gather_catalog()
    index = opened_index(shop.shop.machine)
    before = index.generation
    shop.changes()
    assert index.generation == before
    index.close()
