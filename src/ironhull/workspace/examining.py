"""What is in any image: from the store of inventories, else by reading it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ironhull.inventory.model import Inventory
from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Taker
from ironhull.oci.platform import Platform
from ironhull.state.inventories import InventoryStore
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries


@contextmanager
def opened_taker(machine: Machine) -> Iterator[Taker]:
    """What takes inventories with this machine's store, registries and engines."""
    engines = engine_settings(machine)
    docker = ("docker", "-H", engines.docker_host) if engines.docker_host else ("docker",)
    with registries(machine) as opened:
        places = Places(
            machine.home,
            lambda: opened,
            {"podman": ("podman", *engines.podman), "docker": docker},
        )
        yield Taker.at_home(places, InventoryStore(machine.home.inventories), machine.progress)


def inventory(
    machine: Machine, image: str, platform: Platform | None = None, *, again: bool = False
) -> Inventory:
    """The inventory of an image in any place; `again` reads it even if it is known.

    Errors: those of `Taker.take`.
    """
    with opened_taker(machine) as taker:
        return taker.take(image, platform, again=again)
