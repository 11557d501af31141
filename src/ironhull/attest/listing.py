"""What is attached to an image: SBOM, provenance, signatures, VEX, as its place lists them.

Two conventions: referrers of the index or manifest (distribution-spec 1.1), whose annotations or
artifact type say what they are, and attestation manifests that BuildKit lists in the index.
They are listed, not verified: who signed them is to be checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

from ironhull.attest.bundle import Bundle, parse_bundle
from ironhull.attest.opened import Opened
from ironhull.errors import InputError, MalformedError
from ironhull.json_fields import decode
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.referrers import Listing, Referrers
from ironhull.values import dataclass

MAX_LISTED = 1000
MAX_LAYERS = 1000
_IN_TOTO = "in-toto.io/predicate-type"
_PREDICATES = (_IN_TOTO, "dev.sigstore.bundle.predicateType", "predicateType")
_BUILDKIT_TYPE = "vnd.docker.reference.type"
_BUILDKIT_SUBJECT = "vnd.docker.reference.digest"

AttachedKind = Literal["sbom", "provenance", "signature", "vex", "other"]
ATTACHED_KINDS: tuple[AttachedKind, ...] = ("sbom", "provenance", "signature", "vex", "other")

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


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that refers to the image, as its registry or layout lists it."""

    kind: AttachedKind
    type: str
    """The predicate's type if there is one, else the artifact's."""
    manifest: Descriptor
    subject: str
    """The digest that it refers to: the index's or the manifest's."""

    @property
    def digest(self) -> Digest:
        """Of its manifest."""
        return self.manifest.digest

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is sorted by; of equal ones one is enough."""
        return self.kind, self.type, self.digest, self.subject

    @property
    def has_predicate(self) -> bool:
        """Whether the list says what is said, by a URI, and not only how it is packed."""
        return "://" in self.type


class ImagePlace(Protocol):
    """Where an image is; every source of the registry's client is one."""

    def root(self) -> Document:
        """What the place names: an index or a manifest."""
        ...

    def document(self, descriptor: Descriptor) -> Document:
        """An index or a manifest of the image; NotFoundError, MalformedError."""
        ...

    def read(self, descriptor: Descriptor) -> bytes:
        """A blob whole, verified."""
        ...

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """What refers to a manifest."""
        ...


class _Blobs(Protocol):
    """What a layout's blobs and an archive's have in common."""

    def read(self, digest: Digest) -> bytes:
        """A blob whole, verified."""
        ...


class Stored(Listing, Protocol):
    """A layout, or an archive of one."""

    @property
    def blobs(self) -> _Blobs:
        """Where its blobs are."""
        ...


class LayoutPlace:
    """A layout or archive that is read without what registries need: the fast way for the store.

    `referrers` is shared where several images of one layout are looked at.
    """

    def __init__(
        self,
        layout: Stored,
        root: Digest,
        referrers: Referrers | None = None,
    ) -> None:
        self._layout = layout
        self._root = root
        self._referrers = referrers or Referrers(layout)

    def root(self) -> Document:
        """As `ImagePlace.root`."""
        return self._layout.document(self._root)

    def document(self, descriptor: Descriptor) -> Document:
        """As `ImagePlace.document`."""
        return self._layout.document(descriptor.digest, descriptor.media_type)

    def read(self, descriptor: Descriptor) -> bytes:
        """As `ImagePlace.read`."""
        return self._layout.blobs.read(descriptor.digest)

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """As `ImagePlace.referrers`."""
        return self._referrers.of(digest)


def attached_to(place: ImagePlace, digests: Iterable[Digest]) -> tuple[Attachment, ...]:
    """All that refers to any of an image's digests, of index or manifest, each once, sorted."""
    found = {each.key: each for each in attachments(place, digests)}
    return tuple(found[key] for key in sorted(found))


def attachments(place: ImagePlace, digests: Iterable[Digest]) -> Iterator[Attachment]:
    """The same in the order in which the place lists them; what it lists twice comes twice."""
    wanted = dict.fromkeys(digests)
    for digest in wanted:
        for item in place.referrers(digest)[:MAX_LISTED]:
            name = type_of(item)
            yield Attachment(kind_of(name), name, item, digest)
    yield from _buildkit(place, wanted)


def type_of(descriptor: Descriptor) -> str:
    """The predicate's type where the list says it, else the artifact's."""
    for key in _PREDICATES:
        if descriptor.annotations.get(key):
            return descriptor.annotations[key][:500]
    return (descriptor.artifact_type or "unknown")[:500]


def kind_of(name: str) -> AttachedKind:
    """What a predicate's or artifact's type stands for."""
    lowered = name.lower()
    for word, kind in _WORDS:
        if word in lowered:
            return kind
    return "other"


def _buildkit(place: ImagePlace, digests: Iterable[Digest]) -> Iterator[Attachment]:
    """Attestations that BuildKit lists in the index beside the image."""
    root = place.root()
    if not root.is_index:
        return
    wanted = set(digests)
    for item in root.manifests[:MAX_LISTED]:
        subject = item.annotations.get(_BUILDKIT_SUBJECT, "")
        kind = item.annotations.get(_BUILDKIT_TYPE)
        if kind != "attestation-manifest" or subject not in wanted:
            continue
        try:
            layers = place.document(item).layers[:MAX_LAYERS]
        except InputError:
            yield Attachment("other", "attestation that is not there", item, subject)
            continue
        for layer in layers:
            name = type_of(layer)
            yield Attachment(kind_of(name), name, item, subject)


def read_attachment(
    place: ImagePlace, attachment: Attachment, name: str, limit: int
) -> Iterator[Opened]:
    """What an attachment holds; MalformedError for what is damaged or larger than `limit` bytes.

    `name` is how messages call it.
    """
    # What opens loads msgspec; most who list never open.
    from ironhull.attest.opening import open_attachment

    layers = place.document(attachment.manifest).layers[:MAX_LAYERS]
    for layer in layers:
        # One manifest of BuildKit holds all attestations of an image, a layer each.
        if len(layers) > 1 and attachment.has_predicate and type_of(layer) != attachment.type:
            continue
        if layer.size > limit:
            raise MalformedError(f"{name}: a document of {layer.size} bytes")
        yield open_attachment(place.read(layer), name)


def read_bundles(
    place: ImagePlace, referrer: Descriptor, limit: int, name: str = "attestation"
) -> list[Bundle]:
    """Each bundle that a referrer's manifest has; MalformedError.

    `limit` is the bytes that a bundle may have.
    """
    found = []
    for layer in place.document(referrer).layers[:MAX_LAYERS]:
        if layer.size > limit:
            raise MalformedError(f"{name}: a document of {layer.size} bytes")
        found.append(parse_bundle(decode(place.read(layer), name), name))
    return found
