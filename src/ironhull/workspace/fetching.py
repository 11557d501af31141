"""What a build gets from elsewhere, when something is missing on this machine and not before.

So what reads mirrors and reaches servers is imported in the methods: most builds need none of it,
and loading it takes longer than all else that they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ironhull.debian.package import Deb
from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock
from ironhull.progress import Progress
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class LockedPackages:
    """A PackageSource that looks for the mirror when the first package is missing."""

    machine: Machine
    definition: ImageDefinition
    locked: Lock

    def fetch(self, wanted: Sequence[Deb], progress: Progress) -> None:
        """As `MirrorSource.fetch`."""
        from ironhull.archive.fetch import MirrorSource, Snapshot, default_transfer
        from ironhull.workspace.network import network
        from ironhull.workspace.repositories import repositories_of

        settings = self.machine.settings
        template = settings.snapshot
        source = MirrorSource(
            repositories_of(settings, self.definition),
            self.machine.home.packages,
            snapshot=Snapshot(template, self.locked.created) if template else None,
            offline=settings.offline,
            transfer=partial(default_transfer, network=network(self.machine)),
        )
        source.fetch(wanted, progress)


class LazyDownload:
    """A Download whose library is loaded when something is downloaded."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def get(
        self, url: str, sink: Callable[[bytes], object], *, limit: int, fresh: bool = False
    ) -> int:
        """As `Transfer.get`."""
        from ironhull.archive.fetch import default_transfer
        from ironhull.workspace.network import network

        transfer = default_transfer(self._machine.progress.note, network(self._machine))
        return transfer.get(url, sink, limit=limit, fresh=fresh)
