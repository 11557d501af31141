"""Images of the own store, and what is remembered of those that were built here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ironhull.build.built import StoredBuild, built_image
from ironhull.errors import InputError, NotFoundError
from ironhull.inventory.config import image_config
from ironhull.inventory.hidden import hide
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A name in the store and what it stands for."""

    name: str
    """As it was built, pulled or copied; empty: known by its digest alone."""
    digest: Digest
    media_type: str
    platforms: tuple[Platform, ...]
    """Sorted; empty: an artifact, or an image that does not say."""
    size: int
    """Bytes of its manifests, configs and layers, each counted once."""
    problem: str = ""
    """Why the rest is not known: what is missing or damaged."""

    def json(self) -> dict[str, Any]:
        """What `ironhull images --json` says of it; null for what is not known."""
        known = not self.problem
        value: dict[str, Any] = {
            "name": self.name or None,
            "digest": self.digest,
            "mediaType": self.media_type,
            "platforms": [str(platform) for platform in self.platforms] if known else None,
            "size": self.size if known else None,
        }
        return value if known else {**value, "problem": self.problem}


def stored_images(machine: Machine) -> list[StoredImage]:
    """Every image of the store by name; what refers to an image (SBOMs, signatures) is left out."""
    layout = machine.home.store
    found = []
    for entry in layout.descriptors():
        name = entry.annotations.get(REF_NAME, "")
        try:
            document = layout.document(entry.digest, entry.media_type)
            if not name and document.subject is not None:
                continue
            parts = {part.digest: part for part in layout.walk(entry)}
        except InputError as error:
            found.append(StoredImage(name, entry.digest, entry.media_type, (), 0, str(error)))
            continue
        size = sum(part.size for part in parts.values())
        platforms = _platforms(layout, list(parts.values()), document)
        found.append(StoredImage(name, entry.digest, entry.media_type, platforms, size))
    return sorted(found, key=lambda image: (image.name == "", image.name, image.digest))


def _platforms(
    layout: ImageLayout, parts: Sequence[Descriptor], root: Document
) -> tuple[Platform, ...]:
    if root.is_index:
        said = {part.platform for part in parts if part.platform is not None}
        return tuple(sorted((one for one in said if one.os != "unknown"), key=str))
    config = layout.document(root.config.digest).value
    os, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        return ()
    return (Platform(os, architecture, variant if isinstance(variant, str) else None),)


def stored(layout: ImageLayout, name: str) -> Descriptor:
    """The image of the store; NotFoundError says how to get it there. InputError for no name."""
    if not name.strip():
        raise InputError("an empty name names no image (expected for example node:20)")
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
        # Reads YAML, which takes longer to load than all else here.
        from ironhull.definition.catalog import Catalog

        settings = machine.settings
        file = Catalog(settings.catalog, more=settings.more_catalogs).find(name)
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
    return StoredBuild(image, built, tags, _shown(config))


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """The image's config with every secret of what it runs hidden: people and logs see it."""
    run = document["config"]
    hidden, _ = hide(image_config(document), {})
    words: dict[str, Any] = {
        "Env": list(hidden.env),
        "Entrypoint": list(hidden.entrypoint),
        "Cmd": list(hidden.cmd),
        "Labels": dict(hidden.labels),
    }
    return {**document, "config": {**run, **{key: words[key] for key in words if key in run}}}
