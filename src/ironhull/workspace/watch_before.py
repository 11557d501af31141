"""What is published, read again where the state does not tell what the gate compares with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ironhull.definition.model import ImageDefinition
from ironhull.errors import IronhullError, NotFoundError
from ironhull.lock.model import Lock
from ironhull.oci.platform import Platform
from ironhull.state.watch_records import ImageState
from ironhull.watch.facts import Facts
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.fetching import LockedPackages
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.sbom import look_into
from ironhull.workspace.watch_facts import facts_of_existing


def published_place(machine: Machine, state: ImageState) -> str:
    """Where what is published can be read: the own store, else its registry."""
    if not state.repository:
        return f"store:{state.published}"
    with suppress(NotFoundError):
        machine.home.existing_store.find(state.published)
        return f"store:{state.published}"
    return f"{state.repository}@{state.published}"


def platforms_at(machine: Machine, place: str) -> Sequence[Platform]:
    """The platforms of the index that is there."""
    with image_place(machine, place) as source:
        return [each.platform for each in source.root().manifests if each.platform is not None]


def facts_of_published(
    machine: Machine, place: str, definition: ImageDefinition, old: Lock | None, new: Lock
) -> Facts:
    """Its facts as far as it tells them itself, and as the .debs of the old lock can be had."""
    with opened_taker(machine) as taker:
        looked_into = [
            look_into(machine, taker, place, platform) for platform in platforms_at(machine, place)
        ]
    if old is None:
        return facts_of_existing(machine.home, looked_into, [new])
    kept = {package.sha256 for each in new.platforms.values() for package in each.packages}
    gone = [
        package
        for each in old.platforms.values()
        for package in each.packages
        if package.sha256 not in kept
    ]
    with suppress(IronhullError):
        LockedPackages(machine, definition, old).fetch(gone, machine.progress)
    return facts_of_existing(machine.home, looked_into, [old, new])
