"""A built image becomes what its tags mean in the store, and not before all of it is there."""

from __future__ import annotations

from dataclasses import replace

from ironhull.build.assemble import annotations_of, put_index
from ironhull.build.built import BuiltImage, built_image
from ironhull.definition.model import ImageDefinition
from ironhull.errors import EnvironmentProblem, InputError, NotFoundError
from ironhull.lock.model import Lock
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.store.home import Home
from ironhull.store.index_file import Index
from ironhull.store.layout import REF_NAME, ImageLayout


class VanishedError(EnvironmentProblem):
    """Something of the image, or its name, is another's now; whoever makes images tries again."""


def publish(
    layout: ImageLayout, image: BuiltImage, definition: ImageDefinition, lock: Lock
) -> BuiltImage:
    """Let the tags, and the immutable tag of the lock's day, point at the index.

    A tag stays where it is if it has a platform that this image lacks. Gives the image with the
    tags that it has now. VanishedError if a part of it is gone, or the dated tag that was given
    while changes were gathered: what was said of the image since then has that name.
    """
    tags: list[str] = []

    def change(index: Index) -> Index:
        # Under the store's lock no clean-up comes in between.
        if not whole(layout, image):
            raise VanishedError(
                f"layers of {image.name} vanish from {layout.root} while it is published "
                "(does something remove files there? build again when it is done)"
            )
        moving = [
            tag
            for tag in definition.tags
            if not _lost(layout, index.named(f"{image.name}:{tag}"), image, definition)
        ]
        dated = _dated(index, image, definition, lock)
        if tags and tags[-1] != dated:
            raise VanishedError(
                f"{image.name}:{tags[-1]} became another image while this one was examined "
                "(did something else build it? build again when it is done)"
            )
        tags[:] = [*moving, dated]
        names = [f"{image.name}:{tag}" for tag in tags]
        of = image.descriptor
        named = [Descriptor(of.media_type, of.digest, of.size, {REF_NAME: name}) for name in names]
        return index.replaced(named, names)

    layout.change(change)
    return replace(image, tags=tuple(tags))


def _dated(index: Index, image: BuiltImage, definition: ImageDefinition, lock: Lock) -> str:
    """The first tag of the lock's day that is free, or that this very image has."""
    day = lock.created[:10].replace("-", "")
    stem = max(definition.tags, key=len)
    serial = 1
    while True:
        dated = f"{stem}-{day}.{serial}"
        found = index.named(f"{image.name}:{dated}")
        if found is None or found.digest == image.descriptor.digest:
            return dated
        serial += 1


def _lost(
    layout: ImageLayout, tagged: Descriptor | None, image: BuiltImage, definition: ImageDefinition
) -> set[str]:
    """Platforms of the definition that a tag would lose."""
    if tagged is None:
        return set()
    wanted = {str(platform) for platform in definition.platforms}
    try:
        manifests = layout.document(tagged.digest).manifests
    except (InputError, NotFoundError):
        return set()
    has = {str(manifest.platform) for manifest in manifests if manifest.platform}
    return (has & wanted) - {built.platform for built in image.platforms}


def with_platforms_of(
    home: Home, image: BuiltImage, definition: ImageDefinition, lock: Lock
) -> BuiltImage:
    """The image with the platforms that its tag has and that are made of the same."""
    layout = home.store
    try:
        tagged = layout.find(f"{image.name}:{definition.tags[0]}")
    except NotFoundError:
        return image
    before = built_image(home, hex_of(tagged.digest))
    if before is None or not image.inputs or before.inputs != image.inputs:
        return image
    if not whole(layout, before):
        return image
    platforms = {built.platform: built for built in (*before.platforms, *image.platforms)}
    if len(platforms) == len(image.platforms):
        return image
    manifests = {
        manifest.digest: manifest
        for index in (before, image)
        for manifest in layout.document(index.descriptor.digest).manifests
    }
    ordered = [platforms[str(p)] for p in definition.platforms if str(p) in platforms]
    index = put_index(
        layout,
        [manifests[built.digest] for built in ordered],
        annotations_of(definition, lock.created),
    )
    return replace(image, descriptor=index, platforms=tuple(ordered))


def whole(layout: ImageLayout, image: BuiltImage) -> bool:
    """Whether all of an image is in the store; what is there no clean-up takes for a day."""
    try:
        return all(
            layout.blobs.renew(item.digest, item.size) for item in layout.walk(image.descriptor)
        )
    except InputError:
        return False
