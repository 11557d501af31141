"""Which older image one is held against, and what differs."""

from __future__ import annotations

from dataclasses import replace

from ironhull.catalog.changes import BuildDifference, difference
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.pages import Site
from ironhull.catalog.seen import Shown


def since(site: Site, seen: Shown, older: str) -> tuple[str, BuildDifference | None]:
    """What `older` names (a tag of the repository, or a digest that one of its tags had).

    Without it: what the tag stood for before. Empty: nothing. A digest that no tag of this
    repository ever had is not looked at: it may be another repository's.
    """
    index = site.index
    chosen = older or _before(index, seen)
    if not chosen:
        return "", None
    digest = seen.entry.tags.get(chosen, chosen)
    known = {each.digest for each in index.moves(seen.entry.name)} | set(seen.entry.tags.values())
    other = index.build(digest) if digest in known else None
    if other is None or seen.platform is None:
        return chosen, None
    before = other.on(seen.platform.platform)
    if before is None:
        return chosen, None
    pair = (before, seen.platform)
    found = difference((other, seen.build), pair, (index.scan(before.digest), seen.scan))
    if found.words:
        found = replace(found, words=site.live.words(found.manifest, found.words))
    return chosen, found


def _before(index: CatalogIndex, seen: Shown) -> str:
    moved = index.moves(seen.entry.name, seen.tag)
    return next((each.digest for each in moved if each.digest not in ("", seen.digest)), "")
