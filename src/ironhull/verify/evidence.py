"""Everything signed that is attached to one image: read, verified, or refused with its reason.

The reference is resolved once, by `ImagePlace.root`. From there on everything goes by digest: the
index names its manifests, referrers are asked for by the digest that they have to name themselves.
So a tag that moves meanwhile changes nothing, and neither does a place that answers with other
bytes. What it can do is leave something out; that is what a rule that wants it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import field, replace
from typing import Protocol

from ironhull.attest.attaching import PREDICATE_ANNOTATIONS
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.media_types import MANIFESTS
from ironhull.oci.platform import Platform
from ironhull.values import dataclass
from ironhull.verify.opening import open_bundle
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.trust import Signer, Trust

MAX_REFERRERS = 1000
"""Of one manifest. More are not read in part: whoever floods the list would choose the part."""
MAX_BUNDLE = 64 << 20
MAX_TOGETHER = 512 << 20
"""Bytes of all bundles of one manifest."""
MAX_PLATFORMS = 100
_BUILDKIT = "vnd.docker.reference.type"


class Place(Protocol):
    """Where an image is; `attest.listing.ImagePlace` without what it names besides."""

    def document(self, descriptor: Descriptor) -> Document:
        """An index or a manifest, of the digest that the descriptor has."""
        ...

    def read(self, descriptor: Descriptor) -> bytes:
        """A blob whole, verified."""
        ...

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """What refers to a manifest."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement about this manifest that somebody known has signed."""

    type: str
    predicate: bytes
    signers: tuple[Signer, ...]
    digest: Digest
    """Of the referrer's manifest."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something attached that does not count."""

    digest: Digest
    """Of the referrer's manifest; of its subject, where the list of referrers is refused."""
    type: str
    """As it is listed; empty where the list does not say."""
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """An index or a manifest, and all that is said about it."""

    document: Document = field(repr=False)
    platform: Platform | None
    """Empty for an index, and for a manifest that nothing lists."""
    statements: tuple[Verified, ...]
    refused: tuple[Refused, ...]
    others: tuple[str, ...] = ()
    """Types of what is attached in other forms, which are not read: notation's, BuildKit's."""

    @property
    def digest(self) -> Digest:
        """Of the index or manifest."""
        return self.document.digest

    def of_type(self, types: Collection[str]) -> tuple[Verified, ...]:
        """The verified statements of these predicate types."""
        return tuple(each for each in self.statements if each.type in types)

    def without_predicates(self) -> Subject:
        """The same without what the statements say."""
        return replace(
            self, statements=tuple(replace(each, predicate=b"") for each in self.statements)
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an image by signatures."""

    root: Subject
    """What the reference stands for: an index, or the only manifest."""
    images: tuple[Subject, ...]
    """The manifests of the platforms asked for; of a single manifest: the root itself."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All of them, each once."""
        return (self.root, *(each for each in self.images if each is not self.root))


def collect(
    place: Place,
    root: Document,
    trust: Trust,
    platforms: Collection[Platform] = (),
    wanted: Callable[[str], bool] = lambda kind: True,
) -> Evidence:
    """The evidence about an image, or about some platforms of its index.

    `wanted` says of a predicate's type whether it is needed; what is listed as another is left
    unread. NotFoundError for a platform that there is not; UntrustedError and others where the
    place gives other bytes for a manifest than its digest says.
    """
    whole = _subject(place, root, None, trust, wanted)
    if not root.is_index:
        return Evidence(whole, (whole,))
    listed = _images(root, platforms)
    images = [
        _subject(place, place.document(each), each.platform, trust, wanted) for each in listed
    ]
    for descriptor, image in zip(listed, images, strict=True):
        # Every place verifies what it gives; that all of this stands on it is reason to look.
        if image.digest != descriptor.digest or image.document.is_index:
            raise UntrustedError(
                f"{descriptor.digest} in the index {root.digest} is {image.digest}, or an index"
            )
    return Evidence(whole, tuple(images))


def _images(root: Document, platforms: Collection[Platform]) -> list[Descriptor]:
    """The index's manifests that are images, without BuildKit's attestations beside them."""
    listed = [each for each in root.manifests if not _is_attestation(each)]
    for each in listed:
        # What an engine might run and no rule would have looked at.
        if each.media_type not in MANIFESTS:
            raise MalformedError(
                f"the index {root.digest} lists {each.digest}, a {each.media_type!r:.100}: only "
                "an index of images can be verified"
            )
    if platforms:
        found = []
        for platform in platforms:
            serving = [each for each in listed if each.platform and each.platform.serves(platform)]
            if not serving:
                has = ", ".join(str(each.platform) for each in listed if each.platform)
                raise NotFoundError(f"no image for {platform} in {root.digest} (it has: {has})")
            found += serving
        listed = found
    listed = list({each.digest: each for each in listed}.values())
    if len(listed) > MAX_PLATFORMS:
        raise UntrustedError(f"{root.digest} lists {len(listed)} images, at most {MAX_PLATFORMS}")
    if not listed:
        raise NotFoundError(f"the index {root.digest} lists no image")
    return listed


def _is_attestation(listed: Descriptor) -> bool:
    """Whether it is BuildKit's, and nothing that an engine takes for an image of a platform."""
    nowhere = listed.platform is None or listed.platform.os == "unknown"
    return nowhere and listed.annotations.get(_BUILDKIT) == "attestation-manifest"


def _subject(
    place: Place,
    document: Document,
    platform: Platform | None,
    trust: Trust,
    wanted: Callable[[str], bool],
) -> Subject:
    about = document.descriptor()
    statements: list[Verified] = []
    refused: list[Refused] = []
    others: list[str] = []
    left = MAX_TOGETHER
    for listed in _referrers(place, about, refused):
        types = _types(listed)
        if types and not any(map(wanted, types)):
            continue
        try:
            found = _bundle_of(place, listed, about, left)
            if isinstance(found, str):
                others.append(found)
                continue
            bundle, types = found
            left -= len(bundle)
            opened = open_bundle(bundle, about.digest, types, trust)
        except RefusedError as error:
            refused.append(Refused(listed.digest, min(types, default=""), error.reason, str(error)))
        else:
            statements.append(
                Verified(opened.type, opened.predicate, opened.signers, listed.digest)
            )
    return Subject(document, platform, tuple(statements), tuple(refused), tuple(sorted(others)))


def _referrers(place: Place, about: Descriptor, refused: list[Refused]) -> Iterator[Descriptor]:
    """Each once, in the order of digests: the place's own order means nothing."""
    listed = {each.digest: each for each in place.referrers(about.digest)}
    if len(listed) > MAX_REFERRERS:
        message = (
            f"{len(listed)} manifests refer to it; at most {MAX_REFERRERS} are read, and none of "
            "more than that: remove what does not belong there"
        )
        refused.append(Refused(about.digest, "", Reason.TOO_MANY, message))
        return
    for digest in sorted(listed):
        yield listed[digest]


def _bundle_of(
    place: Place, listed: Descriptor, about: Descriptor, left: int
) -> tuple[bytes, frozenset[str]] | str:
    """A referrer's bundle and the types it is said to be of; its artifact type if it has none.

    The manifest is what counts: registries without the referrers API have lists that clients
    wrote, with wrong artifact types and without annotations.
    """
    try:
        manifest = place.document(listed)
        kind = manifest.value.get("artifactType")
        if kind != BUNDLE_TYPE:
            return kind if isinstance(kind, str) and kind else "unknown"
        subject = manifest.subject
        layers = manifest.layers
        annotations = manifest.descriptor(annotations=_annotations(manifest))
    except InputError as error:
        raise RefusedError(Reason.UNREADABLE, f"it cannot be read: {error}") from None
    if subject is None or subject.digest != about.digest:
        named = "nothing" if subject is None else subject.digest
        raise RefusedError(Reason.OTHER_IMAGE, f"it refers to {named}, not to {about.digest}")
    if len(layers) != 1 or layers[0].media_type != BUNDLE_TYPE:
        raise RefusedError(
            Reason.WRONG_MANIFEST, f"a manifest of {len(layers)} layers that is not of one bundle"
        )
    if layers[0].size > min(MAX_BUNDLE, left):
        raise RefusedError(
            Reason.TOO_LARGE,
            f"a bundle of {layers[0].size} bytes; at most {MAX_BUNDLE} are read, and of all "
            f"together {MAX_TOGETHER}",
        )
    try:
        return place.read(layers[0]), _types(listed) | _types(annotations)
    except InputError as error:
        raise RefusedError(Reason.UNREADABLE, f"it cannot be read: {error}") from None


def _annotations(manifest: Document) -> dict[str, str]:
    found = manifest.value.get("annotations")
    items = found.items() if isinstance(found, dict) else ()
    return {key: text for key, text in items if isinstance(text, str)}


def _types(descriptor: Descriptor) -> frozenset[str]:
    """The predicate's types that annotations name; usually one, under both keys."""
    return frozenset(
        descriptor.annotations[key]
        for key in PREDICATE_ANNOTATIONS
        if descriptor.annotations.get(key)
    )
