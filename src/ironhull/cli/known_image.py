"""The inventory of an image that was taken before, without loading what reads images.

Scanning an image again must cost nothing but the matching: registries, engines and cataloguers
are imported only when this finds nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ironhull.cli.settings import settings
from ironhull.errors import InputError
from ironhull.inventory.model import Inventory
from ironhull.inventory.stored import InventoryStore
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.media_types import MANIFESTS
from ironhull.oci.reference import Reference
from ironhull.store.layout import ImageLayout

_STORE = "store:"


def known_inventory(image: str, platform: str | None) -> Inventory | None:
    """The stored inventory of an image of the own store or of a layout's folder.

    None for everything else: for other places, for an index of several platforms, and for an image
    that was not looked into yet. What is stored is found by the digest of the manifest.
    """
    if platform is not None:
        return None
    try:
        layout, descriptor = _find(image)
    except InputError:
        return None
    if descriptor is None:
        return None
    root = settings().home.root / "inventories"
    digest = descriptor.digest
    if descriptor.media_type not in MANIFESTS:
        listed = layout.document(digest).manifests
        if len(listed) != 1 or listed[0].media_type not in MANIFESTS:
            return None
        descriptor = listed[0]
    known = InventoryStore(root).get(descriptor.digest)
    if known is None:
        return None
    return replace(known, image=replace(known.image, name=image, digest=digest))


def _find(image: str) -> tuple[ImageLayout, Descriptor | None]:
    """Where the image is, by those rules of `inventory.sources.find` that need no network."""
    path = Path(image)
    if "/" in image and path.is_dir():
        layout = ImageLayout(path)
        listed = layout.descriptors()
        return layout, listed[0] if len(listed) == 1 else None
    store = ImageLayout(settings().home.root / "store")
    name = image.removeprefix(_STORE)
    if not image.startswith(_STORE) and "/" in image:
        return store, None
    try:
        return store, store.find(name)
    except InputError:
        return store, store.find(str(Reference.parse(name)))
