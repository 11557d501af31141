"""Which image of an index is meant: the one for a platform, or for this machine."""

from __future__ import annotations

import platform as machine
from collections.abc import Iterator

from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.oci.media_types import INDEXES, MANIFESTS
from ironhull.oci.platform import Platform
from ironhull.store.layout import ImageLayout

_MACHINES = {
    "x86_64": "linux/amd64",
    "amd64": "linux/amd64",
    "aarch64": "linux/arm64",
    "arm64": "linux/arm64",
    "armv7l": "linux/arm/v7",
    "armv6l": "linux/arm/v5",
    "i686": "linux/386",
    "i386": "linux/386",
}
MAX_DEPTH = 4
"""How deep indexes within indexes are followed."""


def machine_platform() -> Platform:
    """The platform whose images run on this machine."""
    name = machine.machine()
    return Platform.parse(_MACHINES.get(name, f"linux/{name}"))


def choose_manifest(
    layout: ImageLayout, descriptor: Descriptor, platform: Platform | None = None
) -> Descriptor:
    """The manifest for `platform` (None: the machine's) that the descriptor is or leads to.

    NotFoundError names the platforms that there are. A manifest that no index describes is taken
    as it is, unless a platform was asked for and its config says another.
    """
    wanted = platform or machine_platform()
    document = layout.document(descriptor.digest, descriptor.media_type)
    if document.is_index:
        found: list[Platform] = []
        for manifest in _manifests(layout, document):
            if manifest.platform is not None and manifest.platform.serves(wanted):
                return manifest
            if manifest.platform is not None and manifest.platform.os != "unknown":
                found.append(manifest.platform)
        raise NotFoundError(
            f"{descriptor.digest} has no image for {wanted} "
            f"(it has: {', '.join(str(one) for one in found) or 'none'}; say --platform)"
        )
    if platform is not None:
        config = layout.document(document.config.digest).value
        said = Platform(
            str(config.get("os")), str(config.get("architecture")), config.get("variant")
        )
        if not said.serves(wanted):
            raise NotFoundError(f"{descriptor.digest} is an image for {said}, not for {wanted}")
    return descriptor


def _manifests(layout: ImageLayout, index: Document, depth: int = 0) -> Iterator[Descriptor]:
    for entry in index.manifests:
        if entry.media_type in INDEXES and depth < MAX_DEPTH:
            yield from _manifests(
                layout, layout.document(entry.digest, entry.media_type), depth + 1
            )
        elif entry.media_type in MANIFESTS:
            yield entry
