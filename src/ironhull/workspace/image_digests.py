"""Which digest an image's tag is at: in the own store, or in a registry."""

from __future__ import annotations

from ironhull.definition.format import REGISTRY
from ironhull.errors import EnvironmentProblem, NotFoundError
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.workspace.machine import Machine


def digest_at(machine: Machine, reference: str, opened: Registries) -> str:
    """The digest that the tag of a followed image (`ImageTrack.reference`) is at now.

    NotFoundError where no tag is; EnvironmentProblem where a registry cannot be asked.
    """
    if not reference.startswith(REGISTRY):
        try:
            return machine.home.existing_store.find(reference).digest
        except NotFoundError:
            raise NotFoundError("the store does not have it") from None
    if machine.settings.offline:
        raise EnvironmentProblem("no registry is asked (offline)")
    place = Reference.parse(reference.removeprefix(REGISTRY))
    digest = opened.repository(place).has_manifest(place.tag or "")
    if digest is None:
        raise NotFoundError(f"{place} is not there")
    return digest
