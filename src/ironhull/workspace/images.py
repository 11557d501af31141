"""Images of the own store, and what is remembered of those that were built here."""

from __future__ import annotations

import json

from ironhull.build.built import StoredBuild, built_image
from ironhull.definition.catalog import Catalog
from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Platform
from ironhull.store.export import choose_manifest
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.workspace.machine import Machine


def stored(layout: ImageLayout, name: str) -> Descriptor:
    """The image of the store; NotFoundError says how to get it there."""
    try:
        return layout.find(name if ":" in name else f"{name}:latest")
    except NotFoundError as error:
        raise NotFoundError(f"{error}; to build it: ironhull build {name}") from None


def stored_build(machine: Machine, name: str, platform: Platform | None = None) -> StoredBuild:
    """What was built under a name, for a platform or for this machine's.

    NotFoundError says whether the catalog could build it, or whether it came from elsewhere.
    """
    layout = machine.home.store
    text = name if ":" in name else f"{name}:latest"
    try:
        descriptor = layout.find(text)
    except NotFoundError:
        file = Catalog(machine.settings.catalog).find(name)
        raise NotFoundError(
            f"{name} is not in the store ({file} defines it; build it: ironhull build {name})"
        ) from None
    image = built_image(machine.home, hex_of(descriptor.digest))
    if image is None:
        raise NotFoundError(f"{name} was not built here (see: ironhull tree, ironhull inventory)")
    manifest = choose_manifest(layout, descriptor, platform)
    built = next(item for item in image.platforms if item.digest == manifest.digest)
    config = json.loads(layout.blobs.read(layout.document(manifest.digest).config.digest))
    prefix = f"{image.name}:"
    tags = tuple(
        ref.removeprefix(prefix)
        for item in layout.descriptors()
        if item.digest == descriptor.digest
        and (ref := item.annotations.get(REF_NAME, "")).startswith(prefix)
    )
    return StoredBuild(image, built, tags, config)
