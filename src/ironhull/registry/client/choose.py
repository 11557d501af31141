"""Which images of an index are meant: all, that of one platform, or those of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ironhull.errors import InputError, MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.platform import Platform
from ironhull.registry.client.interface import Source

MAX_DEPTH = 4
"""Of indexes in indexes."""
# Of an index whose descriptors say no platform so many configs are asked.
_MAX_ASKED = 64
# Where docker's builder says which image an attestation beside it in the index is of.
_ATTESTS = "vnd.docker.reference.digest"


def choose(source: Source, root: Document, platforms: Sequence[Platform]) -> Document:
    """The root itself for no platform, an image for one, an index of the images for several.

    That index is the root with the other images left out; the root itself if there are none.
    NotFoundError names the platforms that there are.
    """
    if not platforms:
        return root
    if not root.is_index:
        for platform in platforms:
            _must_be_for(source, root, platform)
        return root
    entries = list(_entries(source, root, 0))
    offered = [(entry, entry.platform) for entry in entries]
    if any(platform is None for _, platform in offered):
        offered = [(entry, _platform_of(source, entry)) for entry in entries[:_MAX_ASKED]]
    chosen = {_serving(source, offered, platform).digest for platform in platforms}
    if len(chosen) == 1:
        return source.document(next(entry for entry in entries if entry.digest in chosen))
    kept = [
        entry
        for entry in entries
        if entry.digest in chosen or entry.annotations.get(_ATTESTS) in chosen
    ]
    if kept == list(root.manifests):
        return root
    listed = [entry.json() for entry in kept]
    return Document.of({**root.value, "mediaType": root.media_type, "manifests": listed})


def _serving(
    source: Source, offered: Sequence[tuple[Descriptor, Platform | None]], wanted: Platform
) -> Descriptor:
    for entry, platform in offered:
        if platform is not None and platform.serves(wanted):
            return entry
    has = [str(platform) for _, platform in offered if platform and platform.os != "unknown"]
    known = ", ".join(dict.fromkeys(has)) or "none"
    raise NotFoundError(f"{source.label}: no image for {wanted} (it has: {known})")


def _platform_of(source: Source, entry: Descriptor) -> Platform | None:
    """What the descriptor says, else the config; None if it is no image."""
    if entry.platform is not None:
        return entry.platform
    return _said(source, source.document(entry))


def _said(source: Source, image: Document) -> Platform | None:
    if image.is_index or image.config.size > MAX_DOCUMENT:
        return None
    try:
        config = Document.parse(source.read(image.config)).value
    except MalformedError:
        return None  # an artifact: its config may be anything
    os, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        return None
    return Platform(os, architecture, variant if isinstance(variant, str) else None)


def _must_be_for(source: Source, image: Document, platform: Platform) -> None:
    said = _said(source, image)
    if said is None:
        raise InputError(f"{source.label}: is no image of any platform (leave out --platform)")
    if not said.serves(platform):
        raise NotFoundError(f"{source.label}: is an image for {said}, not for {platform}")


def _entries(source: Source, index: Document, depth: int) -> Iterator[Descriptor]:
    """The manifests of an index, and of indexes in it that are of no platform themselves."""
    for entry in index.manifests:
        if entry.platform is None and depth < MAX_DEPTH:
            child = source.document(entry)
            if child.is_index:
                yield from _entries(source, child, depth + 1)
            else:
                yield entry
        else:
            yield entry
