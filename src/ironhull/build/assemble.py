"""Config, manifest and index of an image (image-spec config.md, manifest.md, image-index.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ironhull.definition.model import ImageDefinition
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER_ZSTD, OCI_MANIFEST
from ironhull.oci.platform import Platform
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH of an image whose definition says none."""
ZSTD_ANNOTATION = "io.github.containers.compression.zstd"
_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer as a manifest and a config name it; `comment` is its line of history."""

    descriptor: Descriptor
    diff_id: DiffId
    uncompressed: int
    comment: str


def labels_of(definition: ImageDefinition) -> dict[str, str]:
    """Labels that tools and people read; the definition's own win."""
    keep = definition.keep
    found = {
        "io.ironhull.name": definition.image,
        "io.ironhull.variant": definition.variant,
        "io.ironhull.flavor": definition.flavor,
        "io.ironhull.distro": definition.distribution,
        "io.ironhull.shell": "true" if keep.shell else "",
        "io.ironhull.package-manager": "true" if keep.package_manager else "",
        "io.ironhull.end-of-life": definition.dates.get("end-of-life", ""),
        "org.opencontainers.image.title": definition.name,
        "org.opencontainers.image.version": definition.version,
    }
    return {key: value for key, value in found.items() if value} | dict(definition.labels)


def annotations_of(definition: ImageDefinition, created: str) -> dict[str, str]:
    """Annotations of manifests and index."""
    found = {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.title": definition.name,
        "org.opencontainers.image.version": definition.version,
    }
    return {key: value for key, value in found.items() if value} | dict(definition.annotations)


def config_document(
    definition: ImageDefinition,
    platform: Platform,
    user: str,
    layers: Sequence[ImageLayer],
    created: str,
    labels: Mapping[str, str],
) -> bytes:
    """The image's configuration, in canonical JSON."""
    environment = {"PATH": DEFAULT_PATH} | dict(definition.environment)
    run: dict[str, Any] = {
        "User": user,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "WorkingDir": definition.work_dir,
        "Labels": dict(labels),
    }
    if definition.entrypoint:
        run["Entrypoint"] = list(definition.entrypoint)
    if definition.cmd:
        run["Cmd"] = list(definition.cmd)
    if definition.ports:
        run["ExposedPorts"] = {port: {} for port in definition.ports}
    if definition.volumes:
        run["Volumes"] = {path: {} for path in definition.volumes}
    if definition.stop_signal:
        run["StopSignal"] = definition.stop_signal
    if definition.healthcheck:
        check = definition.healthcheck
        # Not in OCI's config; docker and podman read it there all the same.
        run["Healthcheck"] = {
            "Test": ["CMD", *check.command],
            "Interval": check.interval * _NANOSECONDS,
            "Timeout": check.timeout * _NANOSECONDS,
            "StartPeriod": check.start_period * _NANOSECONDS,
            "Retries": check.retries,
        }
    value = {
        "created": created,
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [
            {"created": created, "created_by": "ironhull", "comment": layer.comment}
            for layer in layers
        ],
    }
    return canonical(value | platform.json())


def put_manifest(
    store: ImageLayout,
    config: bytes,
    layers: Sequence[ImageLayer],
    platform: Platform,
    annotations: Mapping[str, str],
) -> Descriptor:
    """Store config and manifest of one platform; returns the manifest's descriptor."""
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor(OCI_CONFIG, store.blobs.put(config), len(config)).json(),
            "layers": [layer.descriptor.json() for layer in layers],
            "annotations": dict(annotations),
        }
    )
    store.put(document)
    return document.descriptor(platform=platform)


def put_index(
    store: ImageLayout, manifests: Sequence[Descriptor], annotations: Mapping[str, str]
) -> Descriptor:
    """Store the index of all platforms; returns its descriptor."""
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [_entry(store, manifest).json() for manifest in manifests],
            "annotations": dict(annotations),
        }
    )
    store.put(document)
    return document.descriptor()


def _entry(store: ImageLayout, manifest: Descriptor) -> Descriptor:
    """A manifest as the index lists it: said to have zstd layers where it has.

    skopeo adds this annotation to an index that lacks it when it copies, which changes the digest
    and loses what is signed about the index (docs/compatibility.md, *copy index*).
    """
    document = store.document(manifest.digest, manifest.media_type)
    packed = any(layer.media_type == OCI_LAYER_ZSTD for layer in document.layers)
    said = {ZSTD_ANNOTATION: "true"} if packed else {}
    return replace(manifest, annotations=dict(manifest.annotations) | said)
