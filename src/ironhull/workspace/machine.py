"""The one value that is handed to whatever works on a machine: where things are, what is set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ironhull.progress import Progress, Silent
from ironhull.settings import Settings
from ironhull.store.home import Home
from ironhull.transport.network import Network, network_of


@dataclass(frozen=True, slots=True)
class Machine:
    """Settings and who watches. Values only: any number of threads may share one."""

    settings: Settings
    progress: Progress = field(default_factory=Silent)

    @property
    def network(self) -> Network:
        """How servers are reached: the proxies and authorities of the settings' environment."""
        return replace(network_of(self.settings.environment), also=self.settings.ca)

    @property
    def home(self) -> Home:
        """The folders of store, cache and state."""
        return Home(self.settings.home)
