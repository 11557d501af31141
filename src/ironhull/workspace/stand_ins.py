"""Images of the catalog that are needed now, for this machine: built if the store lacks them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ironhull.errors import EnvironmentProblem, NotFoundError
from ironhull.lock.file import lock_path
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine


def build_missing(machine: Machine, names: Iterable[str]) -> None:
    """Build what the store lacks, for this machine only, with what the archive has now."""
    store, platform = machine.home.store, machine_platform()
    for name in names:
        try:
            choose_manifest(store, store.find(name), platform)
        except NotFoundError:
            machine.progress.note(f"{name} is not in the store for {platform}: building it")
            _build(machine, name)


def _build(machine: Machine, name: str) -> None:
    locked = lock_path(Definitions(machine).catalog.find(name)).is_file()
    chosen = BuildChoices((machine_platform(),), update=True)
    try:
        build_images(machine, [name], chosen)
    except EnvironmentProblem as problem:
        if not locked:
            raise
        machine.progress.note(f"warning: {name} is built from its lock as it is: {problem}")
        build_images(machine, [name], replace(chosen, update=False, locked=True))
