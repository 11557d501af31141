"""Where pages lie as files: whatever names registries allow, no two are in each other's way."""

from __future__ import annotations

from pathlib import Path

from outside.made_catalog import fake_catalog

from ironhull.catalog.export import export
from ironhull.catalog.links import Links, file_of
from ironhull.catalog.pages import Site
from ironhull.catalog.shelf import shelf_of
from ironhull.oci.descriptor import Descriptor
from ironhull.progress import Silent
from ironhull.registry.server.listing import Tags


def test_what_is_no_page_lies_where_its_path_says() -> None:
    for path in ("feed.atom", "feeds/node.atom", "api/v1/images/node/-/1.json", "_site/a.css"):
        assert file_of(f"/{path}") == path
    assert (file_of("/"), file_of("/status")) == ("index.html", "status/index.html")


def test_names_that_end_as_files_do_stand_in_the_way_of_no_other(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    listed = dict(Tags(catalog.layout).listing().tags)
    [one, *_] = listed["node"].values()
    image = Descriptor(one.media_type, one.digest, one.size)
    listed |= {
        "node": {"1": image, "1.json": image, "1.css": image},
        "node.json": {"1": image},
        "node.json/more": {"1": image},
        "node.atom/more": {"1": image},
    }
    shelf = shelf_of(listed, catalog.index.summaries(), lambda name: True, 1)
    done = export(Site(catalog.index, static=True), shelf, tmp_path / "site", Silent())
    there = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert len(there) == done.files
    page = tmp_path / "site/images/node/-/1.json~/index.html"
    assert "1.json" in page.read_text()
    link = Links("/images/node/-/1.json", static=True).to("/images/node/-/1.css/packages")
    assert (page.parent / link).resolve().is_file()
