"""What a place is that images come from, and one that they go to; `places` has the kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.blobs import BlobStore
from ironhull.transport.stop import Stop

Advance = Callable[[int], None]
"""Told of bytes that went over."""


class Source(Protocol):
    """Where an image comes from."""

    @property
    def label(self) -> str:
        """The place as a person would write it."""
        ...

    @property
    def workers(self) -> int:
        """How many threads may ask it at the same time, and gain by it."""
        ...

    def root(self) -> Document:
        """The manifest or index that the place names."""
        ...

    def document(self, descriptor: Descriptor) -> Document:
        """A manifest or index below the root, verified."""
        ...

    def read(self, descriptor: Descriptor) -> bytes:
        """A small blob, verified."""
        ...

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """What refers to a manifest there."""
        ...

    def tagged(self, digests: Sequence[Digest], stop: Stop) -> Mapping[str, Document]:
        """What belongs to manifests by the names of tags alone (`registry.client.tagged`)."""
        ...

    def opened(self, descriptor: Descriptor) -> AbstractContextManager[Callable[[], BinaryIO]]:
        """Within the block the blob can be opened, again and again."""
        ...

    def bring(self, descriptor: Descriptor, blobs: BlobStore, advance: Advance) -> int:
        """The blob into a store, verified; the bytes that were moved for it."""
        ...


class Target(Protocol):
    """Where an image goes to."""

    @property
    def label(self) -> str:
        """What messages call the place."""
        ...

    @property
    def keeps_tags(self) -> bool:
        """Whether it has room for tags beside the image's own: for what `Source.tagged` gives."""
        ...

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """Told once, before anything else, what will come; it may look what it has.

        `referrers` may be of each other too.
        """
        ...

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """A blob; the bytes that were moved for it, none if it was there already."""
        ...

    def store(self, document: Document) -> None:
        """A manifest whose blobs and children are there; a referrer if it has a subject.

        Called by several threads, but never before all that it names is stored.
        """
        ...

    def tag(self, document: Document, tag: str) -> None:
        """Give a stored manifest a tag; only where the place `keeps_tags`."""
        ...

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """Give the root its names."""
        ...
