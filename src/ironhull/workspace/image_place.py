"""Where an image is, opened for reading: any place that can be written as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ironhull.errors import NotFoundError
from ironhull.oci.reference import Reference
from ironhull.registry.client.interface import Source
from ironhull.registry.client.locations import open_source
from ironhull.registry.client.naming import Kind, Location, find_image, find_stored
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries


@contextmanager
def image_place(machine: Machine, reference: str) -> Iterator[Source]:
    """The place of an image: the store, a registry, a layout or an archive.

    A short name is looked for in the store first, then on Docker Hub. NotFoundError if nothing is
    there.
    """
    store = machine.home.store
    location = find_image(reference)
    if location.kind is Kind.STORE and not reference.startswith("store:"):
        try:
            find_stored(store, reference)
        except NotFoundError:
            location = Location(Kind.REGISTRY, reference, reference=Reference.parse(reference))
    with registries(machine) as opened, open_source(location, opened, store) as source:
        yield source
