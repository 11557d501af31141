"""Atom feeds (RFC 4287): of the catalog and of each repository, when tags moved. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ironhull.catalog import links as paths
from ironhull.catalog.facts import Moved
from ironhull.catalog.pages import Site, rendered
from ironhull.catalog.shelf import Entry, Shelf
from ironhull.reports.words import tally

MOST = 100
"""Entries of a feed."""


@dataclass(frozen=True, slots=True)
class Item:
    """A tag that moved."""

    name: str
    moved: Moved
    text: str
    path: str


def catalog_feed(site: Site, shelf: Shelf, base: str) -> str:
    """What happened in all repositories that may be seen; `base` is the address of the pages."""
    names = {entry.name: entry for entry in shelf.entries}
    found = [
        _item(shelf, names[name], moved) for name, moved in site.index.newest_moves(names, MOST)
    ]
    return _feed("All images", paths.feed_path(), "/", found, None if site.static else base)


def image_feed(site: Site, shelf: Shelf, entry: Entry, base: str) -> str:
    """What happened in one repository."""
    found = [_item(shelf, entry, moved) for moved in site.index.moves(entry.name)[:MOST]]
    page = paths.image_path(entry.name)
    own = paths.feed_path(entry.name)
    return _feed(entry.name, own, page, found, None if site.static else base)


def _item(shelf: Shelf, entry: Entry, moved: Moved) -> Item:
    summary = shelf.summaries.get(moved.digest)
    if not moved.digest:
        text = "The tag was removed."
    elif summary is None:
        text = f"It stands for {moved.digest}."
    else:
        text = f"It stands for {moved.digest}, made {summary.created[:10]}"
        worst = summary.worst
        text += f", {tally(worst.open, 'finding')} after VEX" if worst.known else ""
        text += " on the platform with most." if worst.known and summary.rest else "."
    there = moved.tag in entry.tags
    return Item(entry.name, moved, text, paths.image_path(entry.name, moved.tag if there else ""))


def _feed(title: str, own: str, page: str, items: Sequence[Item], base: str | None) -> str:
    """`base` None: a file, which leads to others from where it lies."""
    link = paths.Links(own, static=True)

    def at(path: str) -> str:
        return link.to(path) if base is None else f"{base}{path}"

    updated = max((each.moved.at for each in items), default="1970-01-01T00:00:00Z")
    return rendered(
        "feed.xml", title=title, own=own, page=page, items=items, at=at, updated=updated
    )
