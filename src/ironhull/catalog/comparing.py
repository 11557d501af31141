"""Which two images of a repository are held against each other, and what differs."""

from __future__ import annotations

from dataclasses import replace

from ironhull.catalog.changes import BuildDifference, difference
from ironhull.catalog.facts import BuildFacts
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.pages import Site
from ironhull.catalog.seen import Shown


def since(
    site: Site, seen: Shown, older: str, newer: str = ""
) -> tuple[str, BuildDifference | None]:
    """What `older` names (a tag of the repository, or a digest that one of its tags had).

    Without it: what the tag stood for before. Empty: nothing. `newer` names in the same way what
    it is held against in place of the image that is looked at. A digest that no tag of this
    repository ever had is not looked at: it may be another repository's.
    """
    index = site.index
    if newer:
        build = _named(index, seen, newer)
        if build is None or seen.platform is None:
            return older, None
        one = build.on(seen.platform.platform)
        scan = index.scan(one.digest) if one else None
        seen = replace(seen, digest=build.digest, build=build, platform=one, scan=scan)
    chosen = older or _before(index, seen)
    if not chosen:
        return "", None
    other = _named(index, seen, chosen)
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


def _named(index: CatalogIndex, seen: Shown, name: str) -> BuildFacts | None:
    digest = seen.entry.tags.get(name, name)
    known = {each.digest for each in index.moves(seen.entry.name)} | set(seen.entry.tags.values())
    return index.build(digest) if digest in known else None


def _before(index: CatalogIndex, seen: Shown) -> str:
    digests = [each.digest for each in index.moves(seen.entry.name, seen.tag)]
    if seen.digest in digests:
        digests = digests[digests.index(seen.digest) :]
    return next((each for each in digests if each not in ("", seen.digest)), "")
