"""Where a build gets from what its machine does not have, all together."""

from __future__ import annotations

from collections.abc import Mapping

from ironhull.build.elsewhere import Elsewhere
from ironhull.definition.format import REGISTRY
from ironhull.definition.model import ImageDefinition
from ironhull.lock.model import Lock
from ironhull.workspace.fetching import LazyDownload, LockedPackages
from ironhull.workspace.layer_cache import signed_layers
from ironhull.workspace.machine import Machine
from ironhull.workspace.pulled import PulledImages
from ironhull.workspace.stage_running import SandboxStages


def elsewhere(
    machine: Machine, definition: ImageDefinition, lock: Lock, target: str = ""
) -> Elsewhere:
    """Where a build of this image gets from what this machine does not have.

    `target` is where images of the own catalog are published (`registry[:port][/prefix]`).
    """
    return Elsewhere(
        LockedPackages(machine, definition, lock),
        LazyDownload(machine),
        PulledImages(machine, _places(definition, target)),
        SandboxStages(machine),
        signed_layers(machine),
    )


def _places(definition: ImageDefinition, target: str) -> Mapping[str, str]:
    """By name: where the images of the own catalog are that this one takes files from."""
    own = [each.reference for each in definition.followed]
    names = {each.partition(":")[0] for each in own if not each.startswith(REGISTRY)}
    return {name: f"{target.rstrip('/')}/{name}" for name in names} if target else {}
