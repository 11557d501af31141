"""A built image becomes what its tags mean in the store, and not before all of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ironhull.build.built import BuiltImage
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.lock.model import Lock
from ironhull.oci.descriptor import Descriptor
from ironhull.store.layout import REF_NAME, ImageLayout


class VanishedError(Exception):
    """Something of the image was removed after it was made."""


def publish(
    layout: ImageLayout, image: BuiltImage, definition: ImageDefinition, lock: Lock
) -> BuiltImage:
    """Let the tags, and the immutable tag of the lock's day, point at the index.

    Gives the image with the tags that it has now. VanishedError if a part of it is gone.
    """
    tags: list[str] = []

    def change(before: list[Descriptor]) -> list[Descriptor]:
        # Under the store's lock no clean-up comes in between.
        if not whole(layout, image):
            raise VanishedError
        tags[:] = [*definition.tags, _dated(before, image, definition, lock)]
        names = [f"{image.name}:{tag}" for tag in tags]
        kept = [item for item in before if item.annotations.get(REF_NAME) not in names]
        index = image.descriptor
        return kept + [
            Descriptor(index.media_type, index.digest, index.size, {REF_NAME: name})
            for name in names
        ]

    layout.update(change)
    return replace(image, tags=tuple(tags))


def _dated(
    before: Sequence[Descriptor], image: BuiltImage, definition: ImageDefinition, lock: Lock
) -> str:
    """The first tag of the lock's day that is free, or that this very image has."""
    digests = {item.annotations.get(REF_NAME): item.digest for item in before}
    day = lock.created[:10].replace("-", "")
    stem = max(definition.tags, key=len)
    serial = 1
    while True:
        dated = f"{stem}-{day}.{serial}"
        if digests.get(f"{image.name}:{dated}") in (None, image.descriptor.digest):
            return dated
        serial += 1


def whole(layout: ImageLayout, image: BuiltImage) -> bool:
    """Whether all of an image is in the store."""
    try:
        return all(
            layout.blobs.has(item.digest, item.size) for item in layout.walk(image.descriptor)
        )
    except InputError:
        return False
