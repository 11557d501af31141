"""Config and manifest of a patched image: the old ones, with the new layers on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import DOCKER_LAYER_GZIP, DOCKER_MANIFEST
from ironhull.remediate.patch import PatchLayer
from ironhull.store.layout import ImageLayout

_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"
_CREATED = "org.opencontainers.image.created"


def patched(
    layout: ImageLayout,
    manifest: Document,
    layers: Sequence[PatchLayer],
    created: str,
    base: tuple[str, Digest],
) -> Descriptor:
    """Store config and manifest; the descriptor of the manifest.

    `base` is the name and the digest of what was patched: its annotations say so. The image keeps
    its format: a Docker manifest gets Docker's media types. MalformedError for a config that is
    none.
    """
    config = layout.document(manifest.config.digest).value
    value = _config(config, layers, created)
    raw = canonical(value)
    listed = [*manifest.value["layers"]]
    for layer in layers:
        media_type = layer.descriptor.media_type
        if manifest.media_type == DOCKER_MANIFEST:
            media_type = DOCKER_LAYER_GZIP
        descriptor = Descriptor(media_type, layer.descriptor.digest, layer.descriptor.size)
        listed.append(descriptor.json())
    annotations = manifest.value.get("annotations")
    document = Document.of(
        {
            **manifest.value,
            "mediaType": manifest.media_type,
            "config": {
                **manifest.value["config"],
                "digest": layout.blobs.put(raw),
                "size": len(raw),
            },
            "layers": listed,
            "annotations": {
                **(annotations if isinstance(annotations, dict) else {}),
                _CREATED: created,
                _BASE_NAME: base[0],
                _BASE_DIGEST: base[1],
            },
        }
    )
    layout.blobs.put(document.raw)
    return document.descriptor()


def _config(config: dict[str, Any], layers: Sequence[PatchLayer], created: str) -> dict[str, Any]:
    rootfs, history = config.get("rootfs"), config.get("history", [])
    if not isinstance(rootfs, dict) or not isinstance(rootfs.get("diff_ids"), list):
        raise MalformedError("the image's config lists no layers (rootfs.diff_ids)")
    added = [
        {"created": created, "created_by": "ironhull remediate", "comment": layer.comment}
        for layer in layers
    ]
    return {
        **config,
        "created": created,
        "rootfs": {**rootfs, "diff_ids": [*rootfs["diff_ids"], *(one.diff_id for one in layers)]},
        "history": [*(history if isinstance(history, list) else []), *added],
    }
