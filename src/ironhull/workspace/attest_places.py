"""Where an image is that statements are attached to: the store, or a registry it stays in.

Of an image in a registry only its manifests are read here; layers are, where a statement is about
what is in them. In the store what the same signer said before is replaced. In a registry nothing is
taken away: what says the same has the same digest, and of scans and VEX the newest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.attest.listing import LayoutPlace, read_bundles, type_of
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.registry.client.naming import Kind, find_location
from ironhull.registry.client.repository import Repository
from ironhull.signing.dsse import signers_of
from ironhull.signing.interface import BundleSigner, Signer
from ironhull.store.blobs import BlobStore
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import replace_documents
from ironhull.verify.kinds import SUMMARY
from ironhull.verify.summary import verifier_of
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine

MAX_BUNDLE = 256 << 20


class AttestPlace(Protocol):
    """An image, its manifests, and where what is said of them goes."""

    @property
    def blobs(self) -> BlobStore:
        """Where bundles and their manifests are put."""
        ...

    @property
    def root(self) -> Document:
        """The index, or the only manifest."""
        ...

    @property
    def reference(self) -> str:
        """The image as `inventory_of` takes it."""
        ...

    def document(self, descriptor: Descriptor) -> Document:
        """A manifest of the image."""
        ...

    def attach(self, documents: Sequence[Document], signer: Signer | BundleSigner) -> None:
        """Let these referrers, whose blobs are there, be found; NetworkError."""
        ...


@contextmanager
def attest_place(machine: Machine, name: str) -> Iterator[AttestPlace]:
    """The image of the store with this name, else the one at the registry that it names.

    NotFoundError, NetworkError; InputError for a layout or an archive.
    """
    location = find_location(name)
    layout = machine.home.store
    if location.kind in (Kind.LAYOUT, Kind.ARCHIVE):
        raise InputError(
            f"{name} is a {location.kind.value}, and statements are attached in the store or in a "
            "registry: copy it there (`ironhull copy`), or have what is said written to a file"
        )
    if location.kind is not Kind.REGISTRY or location.reference is None:
        yield StoredImage(layout, location.name or name)
        return
    if not name.startswith("docker:"):
        try:
            found = StoredImage(layout, name)
        except NotFoundError:
            pass
        else:
            yield found
            return
    # The network: an image of the store needs none.
    from ironhull.workspace.registries import registries

    reference = location.reference
    with registries(machine) as opened, TemporaryDirectory(prefix="ironhull-attest-") as folder:
        repository = opened.repository(reference, write=True)
        root = repository.fetch_manifest(str(reference.digest or reference.tag))
        blobs = ImageLayout(Path(folder), create=True).blobs
        yield ServedImage(repository, root, blobs)


class StoredImage:
    """An image of the own store."""

    def __init__(self, layout: ImageLayout, name: str) -> None:
        found = stored(layout, name)
        self.root = layout.document(found.digest, found.media_type)
        self.reference = name
        self._layout = layout

    @property
    def blobs(self) -> BlobStore:
        """As `AttestPlace.blobs`."""
        return self._layout.blobs

    def document(self, descriptor: Descriptor) -> Document:
        """As `AttestPlace.document`."""
        return self._layout.document(descriptor.digest, descriptor.media_type)

    def attach(self, documents: Sequence[Document], signer: Signer | BundleSigner) -> None:
        """As `AttestPlace.attach`, in the place of what the signer said before."""
        replace_documents(self._layout, documents, self._before(documents, signer))

    def _before(self, documents: Sequence[Document], signer: Signer | BundleSigner) -> set[Digest]:
        """Referrers by which the same signer says the same kind of thing of the same images."""
        place = LayoutPlace(self._layout, self.root.digest)
        subjects = {each.subject.digest for each in documents if each.subject}
        listed = {subject: place.referrers(subject) for subject in subjects}
        found: set[Digest] = set()
        for document in documents:
            subject, shown = document.subject, document.value["annotations"]
            for each in listed[subject.digest] if subject else ():
                same = each.artifact_type == BUNDLE_TYPE and type_of(each) in shown.values()
                same = same and each.digest != document.digest and _signed(place, each, signer)
                if same and _same_verifier(place, each, document.descriptor()):
                    found.add(each.digest)
        return found


@dataclass(frozen=True, slots=True)
class ServedImage:
    """An image that is in a registry, and stays there."""

    repository: Repository
    root: Document
    blobs: BlobStore

    @property
    def reference(self) -> str:
        """As `AttestPlace.reference`: by digest, so that a tag may move meanwhile."""
        return f"{self.repository}@{self.root.digest}"

    def document(self, descriptor: Descriptor) -> Document:
        """As `AttestPlace.document`."""
        return self.repository.fetch_manifest(descriptor.digest, descriptor)

    def attach(self, documents: Sequence[Document], signer: Signer | BundleSigner) -> None:
        """As `AttestPlace.attach`: bundles, then their manifests, then the list if there is one."""
        # What lists referrers: only a registry has such.
        from ironhull.registry.client.referrers import push_referrers

        for document in documents:
            for blob in (document.config, *document.layers):
                self.repository.push_blob(blob, partial(self.blobs.open, blob.digest))
        push_referrers(self.repository, documents)


def _same_verifier(place: LayoutPlace, one: Descriptor, other: Descriptor) -> bool:
    """Of verification summaries: who built an image again says another thing than who looked."""
    if type_of(one) != SUMMARY:
        return True
    before, now = (read_bundles(place, each, MAX_BUNDLE)[0].envelope for each in (one, other))
    return verifier_of(before.payload) == verifier_of(now.payload)


def _signed(place: LayoutPlace, referrer: Descriptor, signer: Signer | BundleSigner) -> bool:
    try:
        bundles = read_bundles(place, referrer, MAX_BUNDLE)
    except InputError:
        return False
    if isinstance(signer, BundleSigner):
        return any(signer.signed(each.material) for each in bundles)
    return any(signers_of(each.envelope, [signer.public]) for each in bundles)
