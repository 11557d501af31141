"""What is attached to an image: SBOM, provenance, signatures, VEX, as its place lists them.

They are listed, not verified: who signed them is to be checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ironhull.compare.model import AttachedKind, Attachment
from ironhull.errors import InputError
from ironhull.inventory.model import ImageIdentity
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import referrers_by_subject

MAX_LISTED = 1000
_PREDICATE = "in-toto.io/predicate-type"
_PREDICATES = (_PREDICATE, "dev.sigstore.bundle.predicateType", "predicateType")
_BUILDKIT_TYPE = "vnd.docker.reference.type"
_BUILDKIT_SUBJECT = "vnd.docker.reference.digest"
# Word in the type → what it is; the first that fits. Signatures come last: a bundle that holds
# an SBOM is one.
_WORDS: tuple[tuple[str, AttachedKind], ...] = (
    ("vex", "vex"),
    ("spdx", "sbom"),
    ("cyclonedx", "sbom"),
    ("syft", "sbom"),
    ("slsa.dev/provenance", "provenance"),
    ("cosign/sign", "signature"),
    ("cncf.notary.signature", "signature"),
    ("cosign.simplesigning", "signature"),
    ("cosign.artifact.sig", "signature"),
)


class Listing(Protocol):
    """What an image's place can tell; every source of the registry's client is one."""

    def root(self) -> Document: ...

    def document(self, descriptor: Descriptor) -> Document: ...

    def referrers(self, digest: Digest) -> Sequence[Descriptor]: ...


class LayoutListing:
    """A layout that is read without what registries need: the fast way for the own store."""

    def __init__(self, layout: ImageLayout, image: ImageIdentity) -> None:
        self._layout = layout
        self._image = image
        self._subjects: dict[Digest, list[Descriptor]] | None = None

    def root(self) -> Document:
        digest = self._image.digest or self._image.manifest
        if digest is None:
            raise InputError(f"{self._image.name} has no digest")
        return self._layout.document(digest)

    def document(self, descriptor: Descriptor) -> Document:
        return self._layout.document(descriptor.digest, descriptor.media_type)

    def read(self, descriptor: Descriptor) -> bytes:
        return self._layout.blobs.read(descriptor.digest)

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        if self._subjects is None:
            self._subjects = referrers_by_subject(self._layout)
        return self._subjects.get(digest, [])


def attached_to(source: Listing, image: ImageIdentity) -> tuple[Attachment, ...]:
    """All that refers to the image's index or manifest, sorted."""
    digests = dict.fromkeys(each for each in (image.digest, image.manifest) if each)
    found = {
        Attachment(kind_of(name), name, item.digest, digest)
        for digest in digests
        for item in list(source.referrers(digest))[:MAX_LISTED]
        for name in [type_of(item)]
    }
    found |= set(_buildkit(source, digests))
    return tuple(sorted(found))


def type_of(descriptor: Descriptor) -> str:
    """The predicate's type where the list says it, else the artifact's."""
    annotations = descriptor.annotations or {}
    for key in _PREDICATES:
        if annotations.get(key):
            return annotations[key][:500]
    return (descriptor.artifact_type or "unknown")[:500]


def kind_of(name: str) -> AttachedKind:
    """What a predicate's or artifact's type stands for."""
    lowered = name.lower()
    for word, kind in _WORDS:
        if word in lowered:
            return kind
    return "other"


def _buildkit(source: Listing, digests: Iterable[Digest]) -> Iterator[Attachment]:
    """Attestations that BuildKit lists in the index beside the image."""
    root = source.root()
    if not root.is_index:
        return
    wanted = set(digests)
    for item in root.manifests[:MAX_LISTED]:
        annotations = item.annotations or {}
        subject = annotations.get(_BUILDKIT_SUBJECT, "")
        if annotations.get(_BUILDKIT_TYPE) != "attestation-manifest" or subject not in wanted:
            continue
        try:
            layers = source.document(item).layers[:MAX_LISTED]
        except InputError:
            yield Attachment("other", "attestation that is not there", item.digest, subject)
            continue
        for layer in layers:
            name = type_of(layer)
            yield Attachment(kind_of(name), name, item.digest, subject)
