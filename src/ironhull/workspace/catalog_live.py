"""What this machine knows of the present, for the catalog's pages; see `catalog.live`.

What answers is loaded with the first question: verifying and its libraries are a quarter of the
time that a server would take to start.
"""

from __future__ import annotations

from ironhull.catalog.facts import (
    AttestationFacts,
    MirrorFacts,
    Published,
    RebuildFacts,
    SourceWords,
    Verification,
    WatchFacts,
)
from ironhull.catalog.index import CatalogIndex
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices


class MachineLive:
    """`catalog.live.Live` of one machine; images are those of its store.

    `chosen` says who is believed: its keys and identity, else the ring.
    """

    def __init__(
        self,
        machine: Machine,
        contents: Contents | None = None,
        chosen: VerifyChoices | None = None,
        index: CatalogIndex | None = None,
    ) -> None:
        """`index` is where changelogs are kept that were read once."""
        self._machine, self._index = machine, index
        self._contents = contents or Contents(machine.home.store, Limits())
        self._chosen = chosen

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        """As `Live.attestations`."""
        from ironhull.workspace.catalog_present import attested

        return attested(self._contents, name)

    def verification(self, name: str) -> Verification:
        """As `Live.verification`."""
        from ironhull.workspace.catalog_present import verified

        return verified(self._machine, self._contents, self._chosen or VerifyChoices(), name)

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        """As `Live.rebuilds`."""
        from ironhull.workspace.catalog_rebuilt import rebuilt

        return rebuilt(self._contents, name, manifest)

    def publications(self, repository: str) -> Published:
        """As `Live.publications`."""
        from ironhull.workspace.catalog_present import published

        return published(self._machine, self._chosen or VerifyChoices(), repository)

    def mirrors(self) -> tuple[MirrorFacts, ...]:
        """As `Live.mirrors`: by the rules of the registry and what it remembers."""
        if not self._contents.rules.mirrors:
            return ()
        from ironhull.workspace.catalog_present import mirrored

        return mirrored(self._contents)

    def words(self, manifest: str, moved: tuple[SourceWords, ...]) -> tuple[SourceWords, ...]:
        """As `Live.words`: of package files that the store has, for images that were built here."""
        from ironhull.workspace.catalog_words import stored_words

        return stored_words(self._machine, self._index, manifest, moved)

    def watch(self) -> WatchFacts:
        """As `Live.watch`: of the state in the home."""
        if not self._machine.home.watch_state.is_file():
            return WatchFacts(note="nobody watches here")
        from ironhull.workspace.catalog_present import watched

        return watched(self._machine)
