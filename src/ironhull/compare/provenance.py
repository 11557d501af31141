"""What an image's provenance lists (SLSA v0.2 and v1), and its annotations. Read, not verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ironhull.compare.attached import Listing
from ironhull.compare.model import Attachment
from ironhull.errors import InputError, MalformedError
from ironhull.inventory.model import ImageIdentity
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.vex.reading import decode, unwrapped

MAX_SIZE = 64 << 20
_MAX_READ = 20


class Readable(Listing, Protocol):
    """A place that gives small blobs too."""

    def read(self, descriptor: Descriptor) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Material:
    """Something that went into a build."""

    uri: str
    digests: tuple[str, ...]
    """`sha256:…`; empty where the provenance names none."""

    @property
    def is_image(self) -> bool:
        return self.uri.startswith(("pkg:docker/", "pkg:oci/", "docker-image://", "oci://"))

    @property
    def is_package(self) -> bool:
        return self.uri.startswith("pkg:") and not self.is_image


@dataclass(frozen=True, slots=True)
class Provenance:
    """One provenance: who built, out of what."""

    digest: str
    """Of the referrer."""
    builder: str
    materials: tuple[Material, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What an image's maker says about it outside of its files."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    """Labels of the config and annotations of manifest and index; annotations win."""
    provenance: tuple[Provenance, ...] = ()
    problems: tuple[str, ...] = ()
    """Provenance that could not be read."""


def said_of(
    place: Readable,
    image: ImageIdentity,
    labels: Mapping[str, str],
    attached: Sequence[Attachment],
) -> Said:
    """Annotations and provenance of an image in a place; problems are told, not raised."""
    annotations = dict(labels)
    root = place.root()
    annotations |= _annotations(root.value)
    if image.manifest is not None and image.manifest != image.digest:
        for item in root.manifests if root.is_index else ():
            if item.digest == image.manifest:
                annotations |= _annotations(place.document(item).value)
    found: list[Provenance] = []
    problems: list[str] = []
    wanted = dict.fromkeys(each.digest for each in attached if each.kind == "provenance")
    for digest in list(wanted)[:_MAX_READ]:
        try:
            found += _provenance(place, digest)
        except InputError as error:
            problems.append(str(error))
    return Said(annotations, tuple(found), tuple(problems))


def _annotations(value: Mapping[str, Any]) -> dict[str, str]:
    given = value.get("annotations")
    if not isinstance(given, dict):
        return {}
    return {key: text for key, text in given.items() if isinstance(text, str)}


def _provenance(place: Readable, digest: str) -> Iterator[Provenance]:
    document = place.document(Descriptor(OCI_MANIFEST, Digest(digest), 0))
    for layer in document.layers[:_MAX_READ]:
        if layer.size > MAX_SIZE:
            raise MalformedError(f"referrer {digest}: a document of {layer.size} bytes")
        kind = (layer.annotations or {}).get("in-toto.io/predicate-type", "slsa")
        if "slsa" not in kind:
            continue
        predicate = unwrapped(decode(place.read(layer), digest), digest)
        yield provenance_in(predicate, digest)


def provenance_in(predicate: Mapping[str, Any], digest: str) -> Provenance:
    """The provenance of a predicate; parts of the wrong type count as absent."""
    definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
    listed = definition.get("resolvedDependencies", predicate.get("materials"))
    builder = _object(details or predicate, "builder").get("id")
    return Provenance(
        digest=digest,
        builder=builder if isinstance(builder, str) else "",
        materials=tuple(
            Material(
                item["uri"] if isinstance(item.get("uri"), str) else "",
                tuple(
                    f"{name}:{value}"
                    for name, value in sorted(_object(item, "digest").items())
                    if isinstance(value, str) and value
                ),
            )
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, dict)
        ),
    )


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
