"""What the watcher says, of images that a reader may see. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ironhull.catalog.facts import (
    AttestationFacts,
    MirrorFacts,
    Published,
    RebuildFacts,
    SourceWords,
    Verification,
    WatchFacts,
)
from ironhull.catalog.live import Live
from ironhull.catalog.pages import Site
from ironhull.catalog.shelf import Shelf


@dataclass(frozen=True, slots=True)
class _Seen:
    """Another `Live` with a part of what it says of watching."""

    live: Live
    said: WatchFacts

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        """As `Live.attestations`."""
        return self.live.attestations(name)

    def verification(self, name: str) -> Verification:
        """As `Live.verification`."""
        return self.live.verification(name)

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        """As `Live.rebuilds`."""
        return self.live.rebuilds(name, manifest)

    def publications(self, repository: str) -> Published:
        """As `Live.publications`."""
        return self.live.publications(repository)

    def watch(self) -> WatchFacts:
        """As `Live.watch`."""
        return self.said

    def mirrors(self) -> tuple[MirrorFacts, ...]:
        """As `Live.mirrors`."""
        return self.live.mirrors()

    def words(self, manifest: str, moved: tuple[SourceWords, ...]) -> tuple[SourceWords, ...]:
        """As `Live.words`."""
        return self.live.words(manifest, moved)


def only(site: Site, shelf: Shelf, *, everywhere: bool) -> Site:
    """The site with the watched images of the shelf.

    Figures over all images, and alarms, which name them, are for whoever may see everything.
    """
    said = site.live.watch()
    if not everywhere:
        images = tuple(each for each in said.images if each.repository in shelf.by_name)
        note = said.note if images else "none of the images that you may see is watched"
        own = {name: each for name, each in said.repositories.items() if name in shelf.by_name}
        said = replace(
            said, images=images, alarms=(), times=(), days={}, note=note, repositories=own
        )
    return replace(site, live=_Seen(site.live, said))
