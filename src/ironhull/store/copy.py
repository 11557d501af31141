"""From one layout to another: an image with all below it, without copying bytes if it can."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ironhull.oci.descriptor import Descriptor
from ironhull.store.blobs import CHUNK
from ironhull.store.layout import ImageLayout


def copy_image(
    source: ImageLayout, descriptor: Descriptor, target: ImageLayout, names: Sequence[str]
) -> None:
    """Copy the image, then let the names point at it in the target."""
    for item in source.walk(descriptor):
        if not target.blobs.has(item.digest) and not _linked(source, item, target):
            with (
                source.blobs.open(item.digest) as file,
                target.blobs.writer(item.digest, item.size) as blob,
            ):
                while data := file.read(CHUNK):
                    blob.write(data)
    target.tag(Descriptor(descriptor.media_type, descriptor.digest, descriptor.size), list(names))


def _linked(source: ImageLayout, item: Descriptor, target: ImageLayout) -> bool:
    """Whether the blob could be linked; a blob never changes, so both may share it."""
    path: Path = target.blobs.path(item.digest)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source.blobs.path(item.digest), path)
    except OSError:
        return path.exists()
    return True
