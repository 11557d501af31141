"""From one layout to another: an image with all below it, verified on its way."""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.oci.descriptor import Descriptor
from ironhull.store.blobs import CHUNK
from ironhull.store.layout import ImageLayout


def copy_image(
    source: ImageLayout, descriptor: Descriptor, target: ImageLayout, names: Sequence[str]
) -> None:
    """Copy the image, then let the names point at it in the target.

    Blobs are not linked: what is done to the copy, in place or to owners, must not reach the store.
    UntrustedError if a blob of the source is damaged.
    """
    for item in source.walk(descriptor):
        if not target.blobs.has(item.digest, item.size):
            with (
                source.blobs.open(item.digest) as file,
                target.blobs.writer(item.digest, item.size) as blob,
            ):
                while data := file.read(CHUNK):
                    blob.write(data)
    target.tag(Descriptor(descriptor.media_type, descriptor.digest, descriptor.size), list(names))
