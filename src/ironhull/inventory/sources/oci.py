"""Images that a manifest describes: in a registry, a layout, an archive or Ironhull's own store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from typing import Any

from ironhull.errors import InputError, MalformedError, NotFoundError
from ironhull.inventory.config import diff_ids
from ironhull.inventory.model import ImageIdentity
from ironhull.inventory.paths import utf8
from ironhull.inventory.sources.interface import LayerSource, OpenImage
from ironhull.inventory.stream import Readable
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import DOCKER_CONFIG, INDEXES, MANIFESTS, OCI_CONFIG
from ironhull.oci.platform import Platform
from ironhull.registry.client.interface import Source
from ironhull.store.choice import machine_platform

_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG, "application/octet-stream", "text/plain"})
_MAX_DEPTH = 4
_MAX_MANIFESTS = 1000
_MAX_LAYERS = 1000
_MAX_ASKED = 100
_UNKNOWN = "unknown"
_REFERENCE_TYPE = "vnd.docker.reference.type"


def open_oci(
    source: Source,
    name: str,
    kind: str,
    platform: Platform | None,
    believed: Collection[str] = (),
) -> OpenImage:
    """The image for the platform that a source's root is or lists.

    `believed` are digests of layers that nobody held to their bytes yet.
    NotFoundError names the platforms that there are; InputError if the root is no image.
    """
    root = source.root()
    manifest, offered = _manifest(source, root, platform)
    if manifest.config.media_type not in _CONFIGS:
        what = manifest.value.get("artifactType") or manifest.config.media_type
        raise InputError(f"{name} is no container image but an artifact ({what!r:.100})")
    config = _config(source, manifest.config)
    said = _said_platform(config)
    if platform is not None and said is not None and not said.serves(platform):
        raise NotFoundError(f"{name} is an image for {said}, not for {platform}")
    identity = ImageIdentity(
        name=utf8(name),
        kind=kind,
        digest=root.digest,
        manifest=manifest.digest,
        config=manifest.config.digest,
        platform=said or offered,
    )
    return OpenImage(identity, config, _layers(source, name, manifest, config, believed))


def _manifest(
    source: Source, root: Document, wanted: Platform | None
) -> tuple[Document, Platform | None]:
    if not root.is_index:
        return root, None
    found = [item for item in _listed(source, root) if not _is_attestation(item)]
    if wanted is None and len(found) == 1:
        return _document(source, found[0]), found[0].platform
    target = wanted or machine_platform()
    offered: list[Platform] = []
    if sum(item.platform is None for item in found) > _MAX_ASKED:
        raise MalformedError(
            f"{source.label}: an index of more than {_MAX_ASKED} manifests without a platform"
        )
    for item in found:
        # Some builders leave it out of the index; the image's own config has it.
        platform = item.platform or _asked_platform(source, item)
        if platform is not None:
            offered.append(platform)
            if platform.serves(target):
                return _document(source, item), platform
    names = ", ".join(sorted(map(str, offered))) or "none"
    raise NotFoundError(f"{source.label} has no image for {target} (it has: {names})")


def _asked_platform(source: Source, item: Descriptor) -> Platform | None:
    """What the config of a listed manifest says; None for an artifact."""
    manifest = _document(source, item)
    if manifest.config.media_type not in _CONFIGS:
        return None
    return _said_platform(_config(source, manifest.config))


def _document(source: Source, item: Descriptor) -> Document:
    """A manifest or index that a descriptor names, or carries."""
    data = item.embedded()
    return source.document(item) if data is None else Document.parse(data, item.media_type)


def _listed(source: Source, index: Document, depth: int = 0) -> Iterator[Descriptor]:
    if len(index.manifests) > _MAX_MANIFESTS:
        raise MalformedError(f"{source.label}: an index of {len(index.manifests)} manifests")
    for item in index.manifests:
        if item.media_type in INDEXES:
            if depth >= _MAX_DEPTH:
                raise MalformedError(f"{source.label}: indexes nested over {_MAX_DEPTH} deep")
            yield from _listed(source, _document(source, item), depth + 1)
        elif item.media_type in MANIFESTS:
            yield item


def _is_attestation(item: Descriptor) -> bool:
    """BuildKit lists attestations as manifests for the platform unknown/unknown."""
    if item.annotations.get(_REFERENCE_TYPE) == "attestation-manifest":
        return True
    return item.platform is not None and item.platform.os == _UNKNOWN


def _config(source: Source, descriptor: Descriptor) -> dict[str, Any]:
    if descriptor.size > MAX_DOCUMENT:
        raise MalformedError(f"{source.label}: an image config of {descriptor.size} bytes")
    try:
        data = descriptor.embedded()
        return Document.parse(source.read(descriptor) if data is None else data).value
    except MalformedError as error:
        raise MalformedError(f"{source.label}: image config: {error}") from None


def _said_platform(config: dict[str, Any]) -> Platform | None:
    os, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str) or not os or not architecture:
        return None
    return Platform(os, architecture, variant if isinstance(variant, str) and variant else None)


def _layers(
    source: Source,
    name: str,
    manifest: Document,
    config: dict[str, Any],
    believed: Collection[str],
) -> tuple[LayerSource, ...]:
    layers, digests = manifest.layers, diff_ids(config)
    if len(layers) > _MAX_LAYERS:
        raise MalformedError(f"{name}: {len(layers)} layers (limit {_MAX_LAYERS})")
    if len(layers) != len(digests):
        raise MalformedError(
            f"{name}: the manifest has {len(layers)} layers, the config {len(digests)} diff_ids"
        )
    return tuple(
        LayerSource(
            digest=layer.digest,
            diff_id=diff_id,
            media_type=layer.media_type,
            size=layer.size,
            open=_Opener(source, layer),
            foreign="foreign" in layer.media_type or "nondistributable" in layer.media_type,
            is_believed=layer.digest in believed,
        )
        for layer, diff_id in zip(layers, digests, strict=True)
    )


class _Opener:
    """Opens a layer's stored bytes when they are asked for."""

    def __init__(self, source: Source, layer: Descriptor) -> None:
        self._source = source
        self._layer = layer

    def __call__(self) -> AbstractContextManager[Readable]:
        return self._opened()

    @contextmanager
    def _opened(self) -> Iterator[Readable]:
        data = self._layer.embedded()
        if data is not None:
            yield BytesIO(data)
            return
        with self._source.opened(self._layer) as blob, blob() as file:
            yield file
