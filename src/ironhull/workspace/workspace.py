"""Ironhull as Python calls: the verbs of the command line on one Workspace.

A Workspace is settings and someone who watches. It reads no environment and no file of settings,
keeps nothing between calls but what is on disk, and several in one process know nothing of each
other; one may be shared by any number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ironhull.definition.catalog import Catalog
from ironhull.progress import Progress, Silent
from ironhull.settings import Settings, catalog_folders
from ironhull.store.home import Home
from ironhull.workspace.build_calls import BuildCalls
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.examine_calls import ExamineCalls
from ironhull.workspace.machine import Machine
from ironhull.workspace.migrate_calls import MigrateCalls
from ironhull.workspace.publish_calls import PublishCalls
from ironhull.workspace.watch_calls import WatchCalls


class Workspace(BuildCalls, PublishCalls, ExamineCalls, MigrateCalls, WatchCalls):
    """What one machine keeps and knows, and what can be done with it.

    Names of images are those of the command line: NAME:TAG of the catalog or the store; where a
    verb takes any image, what it takes there too. Errors are those of `ironhull.errors`.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.machine = Machine(settings, progress or Silent())

    @classmethod
    def open(
        cls,
        *,
        home: str | Path,
        images: str | Path | Sequence[str | Path],
        mirror: str | None = None,
        keyring: str | Path | None = None,
        offline: bool = False,
        environment: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Workspace:
        """A workspace with its store in `home` and the definitions in `images`; of several folders
        the first wins. `mirror` is the archive's address or folder, else the one of the machine's
        apt sources. `environment` is where logins, proxies and certificate authorities are looked
        for: none unless it is given. Other settings: `Settings`.
        """
        catalog, *more = catalog_folders([images] if isinstance(images, str | Path) else images)
        settings = Settings(
            home=Path(home).absolute(),
            catalog=catalog,
            more_catalogs=tuple(more),
            mirror=mirror,
            keyring=None if keyring is None else Path(keyring),
            offline=offline,
            environment=dict(environment or {}),
        )
        return cls(settings, progress)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is held open between calls, so nothing has to be let go."""

    @property
    def settings(self) -> Settings:
        """What the workspace was told."""
        return self.machine.settings

    @property
    def home(self) -> Home:
        """The folders of store, cache and state."""
        return self.machine.home

    @property
    def catalog(self) -> Catalog:
        """The definitions, as `ironhull list` shows them."""
        return Definitions(self.machine).catalog
