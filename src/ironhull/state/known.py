"""The inventory of an image that was taken before, without loading what reads images.

Scanning an image again must cost nothing but the matching: registries, engines and cataloguers
are imported only when this finds nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ironhull.errors import InputError
from ironhull.inventory.model import Inventory
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.media_types import MANIFESTS
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.state.inventories import InventoryStore
from ironhull.store.choice import choose_manifest
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout

_STORE = "store:"


def known_inventory(home: Home, image: str, platform: Platform | None) -> Inventory | None:
    """The stored inventory of an image of the own store or of a layout's folder.

    None for everything else: for other places, and for an image that was not looked into yet. Of
    an index it is the image for the platform, or for this machine's. What is stored is found by
    the digest of the manifest.
    """
    try:
        layout, root = _find(home, image)
        descriptor = _manifest(layout, root, platform) if root is not None else None
    except InputError:
        return None
    if root is None or descriptor is None:
        return None
    inventories = InventoryStore(home.inventories)
    known = inventories.get(descriptor.digest)
    if known is None:
        return None
    return replace(known, image=replace(known.image, name=image, digest=root.digest))


def _manifest(
    layout: ImageLayout, root: Descriptor, platform: Platform | None
) -> Descriptor | None:
    """The manifest by the rules of `inventory.sources.oci`, where they are this simple."""
    if root.media_type not in MANIFESTS:
        listed = layout.document(root.digest).manifests
        if len(listed) != 1 or platform is not None:
            return choose_manifest(layout, root, platform)
        root = listed[0]
    elif platform is not None:
        return None
    return root if root.media_type in MANIFESTS else None


def _find(home: Home, image: str) -> tuple[ImageLayout, Descriptor | None]:
    """Where the image is, by those rules of `inventory.sources.find` that need no network."""
    path = Path(image)
    if "/" in image and path.is_dir():
        layout = ImageLayout(path)
        listed = layout.descriptors()
        return layout, listed[0] if len(listed) == 1 else None
    store = home.existing_store
    name = image.removeprefix(_STORE)
    if not image.startswith(_STORE) and "/" in image:
        return store, None
    try:
        return store, store.find(name)
    except InputError:
        return store, store.find(str(Reference.parse(name)))
