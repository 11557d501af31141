"""The catalog of this machine: on the registry's server, and as files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ironhull.catalog.export import Exported, export
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.live import Remembered
from ironhull.catalog.pages import Site
from ironhull.catalog.shelf import shelf_of
from ironhull.catalog.web import CatalogSite
from ironhull.errors import EnvironmentProblem
from ironhull.registry.server.listing import Tags
from ironhull.registry.server.registry import Registry
from ironhull.workspace.catalog_live import MachineLive
from ironhull.workspace.catalog_trust import Believed
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices


def catalog_site(
    machine: Machine, registry: Registry, believed: Believed | None = None
) -> CatalogSite:
    """The pages beside a registry over the home's store, gathered by a thread while it runs.

    `believed` says whose statements count; None: the ring's keys.
    """
    try:
        index = CatalogIndex(machine.home.catalog_index)
    except EnvironmentProblem as problem:
        registry.log.note(f"pages are made without what was gathered before: {problem}")
        index = CatalogIndex(":memory:")
    contents, believed = registry.contents, believed or Believed(machine)
    live = Remembered(MachineLive(machine, contents, believed.chosen, index))
    site = Site(index, live, machine.home.advisories)

    def work(stopped: threading.Event, note: Callable[..., None]) -> None:
        # What says who signed what, before a page waits for it; then what reads images and scans
        # them: as much as all that the first page needs.
        import ironhull.workspace.catalog_present  # noqa: F401
        from ironhull.workspace.cataloguing import Gatherer, keep_gathering

        keep_gathering(Gatherer(machine, index, contents, believed), stopped, note)

    def settle() -> bool:
        changed = believed.settle(index)
        if changed:
            live.forget()
        return changed

    return CatalogSite(registry, site, work, settle)


def export_catalog(machine: Machine, target: Path, chosen: VerifyChoices | None = None) -> Exported:
    """Write the pages of all images of the home's store to a folder, for any web server.

    `chosen` has the keys and the identity whose statements count; None: the ring's keys.

    What was there before of an earlier export is replaced, page by page. EnvironmentProblem where
    the folder cannot be written.
    """
    # As above; and `catalog export` is told of a wrong folder before it.
    from ironhull.workspace.cataloguing import Gatherer

    index = CatalogIndex(machine.home.catalog_index)
    try:
        Gatherer(machine, index, believed=Believed(machine, chosen)).round()
        live = MachineLive(machine, chosen=chosen, index=index)
        site = Site(index, live, machine.home.advisories, static=True)
        listed = Tags(machine.home.store).listing().tags
        shelf = shelf_of(listed, index.summaries(), lambda name: True, index.generation)
        return export(site, shelf, target, machine.progress)
    finally:
        index.close()
