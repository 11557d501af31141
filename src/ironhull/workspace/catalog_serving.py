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
from ironhull.workspace.machine import Machine

_LOOK_EVERY, _FIRST_AFTER = 10.0, 0.7


def catalog_site(machine: Machine, registry: Registry) -> CatalogSite:
    """The pages beside a registry over the home's store, gathered by a thread while it runs."""
    try:
        index = CatalogIndex(machine.home.catalog_index)
    except EnvironmentProblem as problem:
        registry.log.note(f"pages are made without what was gathered before: {problem}")
        index = CatalogIndex(":memory:")
    site = Site(index, Remembered(MachineLive(machine)), machine.home.advisories)

    def work(stopped: threading.Event, note: Callable[..., None]) -> None:
        _keep_gathering(machine, index, stopped, note)

    return CatalogSite(registry, site, work)


def _keep_gathering(
    machine: Machine, index: CatalogIndex, stopped: threading.Event, note: Callable[..., None]
) -> None:
    # Who started the server wants to see its first page, and that needs the same core.
    stopped.wait(_FIRST_AFTER)
    # What reads images and scans them: as much as all that the pages need.
    from ironhull.workspace.cataloguing import Gatherer, breathe

    gatherer = Gatherer(machine, index)
    while not stopped.is_set():
        try:
            if gatherer.due():
                done = gatherer.round(breathe)
                if done.builds or done.scans or done.problems:
                    problems = "; ".join(done.problems[:5])
                    note("gathered", builds=done.builds, scans=done.scans, problems=problems)
        except Exception as error:
            # The server goes on, and so does this thread: what one image breaks is not the others'.
            note("the catalog could not be gathered", error=repr(error))
        stopped.wait(_LOOK_EVERY)


def export_catalog(machine: Machine, target: Path) -> Exported:
    """Write the pages of all images of the home's store to a folder, for any web server.

    What was there before of an earlier export is replaced, page by page. EnvironmentProblem where
    the folder cannot be written.
    """
    # As above; and `catalog export` is told of a wrong folder before it.
    from ironhull.workspace.cataloguing import Gatherer

    index = CatalogIndex(machine.home.catalog_index)
    try:
        Gatherer(machine, index).round()
        site = Site(index, MachineLive(machine), machine.home.advisories, static=True)
        listed = Tags(machine.home.store).listing().tags
        shelf = shelf_of(listed, index.summaries(), lambda name: True, index.generation)
        return export(site, shelf, target, machine.progress)
    finally:
        index.close()
