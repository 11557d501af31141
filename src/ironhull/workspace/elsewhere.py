"""Where a build gets from what its machine does not have, all together."""

from __future__ import annotations

from ironhull.build.elsewhere import Elsewhere
from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock
from ironhull.workspace.fetching import LazyDownload, LockedPackages
from ironhull.workspace.layer_cache import signed_layers
from ironhull.workspace.machine import Machine
from ironhull.workspace.pulled import PulledImages
from ironhull.workspace.stage_running import SandboxStages


def elsewhere(machine: Machine, definition: ImageDefinition, lock: Lock) -> Elsewhere:
    """Where a build of this image gets from what this machine does not have."""
    return Elsewhere(
        LockedPackages(machine, definition, lock),
        LazyDownload(machine),
        PulledImages(machine),
        SandboxStages(machine),
        signed_layers(machine),
    )
