"""Images, indexes and artifacts from one place to another, never half.

1. read the tree of manifests at the source, and what refers to any of them;
2. bring the blobs, several at a time;
3. store the manifests, children before their index, then the referrers;
4. give the names last: a name never points at something incomplete.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from ironhull.errors import InputError, MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.progress import Progress, Silent
from ironhull.registry.client.parallel import run_all
from ironhull.store.blobs import BlobStore

_MAX_DEPTH = 4
_MAX_DOCUMENTS = 4096
_MAX_DOCUMENT_BYTES = 256 << 20
_MAX_BLOBS = 100_000

Advance = Callable[[int], None]


class Source(Protocol):
    """Where an image comes from."""

    @property
    def label(self) -> str:
        """The place as a person would write it."""
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

    def opened(self, descriptor: Descriptor) -> AbstractContextManager[Callable[[], BinaryIO]]:
        """Within the block the blob can be opened, again and again."""
        ...

    def bring(self, descriptor: Descriptor, blobs: BlobStore, advance: Advance) -> None:
        """The blob into a store, verified."""
        ...


class Target(Protocol):
    """Where an image goes to."""

    @property
    def label(self) -> str:
        """What messages call the place."""
        ...

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> bool:
        """A blob; False if it was there already or no byte had to be moved."""
        ...

    def store(self, document: Document) -> None:
        """A manifest whose blobs and children are there; a referrer if it has a subject."""
        ...

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """Give the root its names."""
        ...


@dataclass(frozen=True, slots=True)
class Transferred:
    """What went over: the root, counts of manifests, referrers and blobs, and bytes of blobs."""

    root: Document
    manifests: int
    referrers: int
    blobs: int
    blobs_moved: int
    bytes_moved: int


@dataclass(slots=True)
class _Tree:
    """Manifests, children first, and the blobs they name."""

    documents: dict[Digest, Document] = field(default_factory=dict)
    blobs: dict[Digest, Descriptor] = field(default_factory=dict)
    size: int = 0

    def add(self, document: Document) -> None:
        self.documents[document.digest] = document
        self.size += len(document.raw)
        if len(self.documents) > _MAX_DOCUMENTS or self.size > _MAX_DOCUMENT_BYTES:
            raise MalformedError(
                f"more than {_MAX_DOCUMENTS} manifests, or {_MAX_DOCUMENT_BYTES} bytes of them"
            )
        if document.is_index:
            return
        for blob in (document.config, *document.layers):
            if is_foreign(blob):
                continue
            known = self.blobs.setdefault(blob.digest, blob)
            if known.size != blob.size:
                raise MalformedError(
                    f"blob {blob.digest} is said to have {known.size} and {blob.size} bytes"
                )
        if len(self.blobs) > _MAX_BLOBS:
            raise MalformedError(f"more than {_MAX_BLOBS} blobs")


def transfer(
    source: Source,
    target: Target,
    *,
    platform: Platform | None = None,
    with_referrers: bool = True,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Transferred:
    """Bring what the source names to the target; of an index all platforms, or the one given.

    NotFoundError if the source or the platform is not there, MalformedError and UntrustedError for
    content that is not what it says, NetworkError where a registry does not play along.
    """
    progress, stop = progress or Silent(), stop or threading.Event()
    root = choose(source, source.root(), platform)
    tree = _Tree()
    _gather(source, root, tree, 0)
    images = list(tree.documents.values())
    referrers = _referrers(source, images, tree) if with_referrers else []
    blobs = list(tree.blobs.values())
    advance = progress.start(
        f"{source.label} → {target.label}", sum(blob.size for blob in blobs), "bytes"
    )
    moved: list[int] = []

    def task(blob: Descriptor) -> Callable[[], None]:
        def run() -> None:
            if target.take(blob, source, advance):
                moved.append(blob.size)

        return run

    run_all([task(blob) for blob in blobs], stop)
    for document in images:
        target.store(document)
    for document in referrers:
        target.store(document)
    target.publish(root, referrers)
    return Transferred(root, len(images), len(referrers), len(blobs), len(moved), sum(moved))


def choose(source: Source, root: Document, platform: Platform | None) -> Document:
    """The image for the platform in an index, or the root itself; NotFoundError names others."""
    if platform is None:
        return root
    if root.is_index:
        found: list[str] = []
        for entry in _entries(source, root, 0):
            if entry.platform is not None and serves(entry.platform, platform):
                return source.document(entry)
            if entry.platform is not None and entry.platform.os != "unknown":
                found.append(str(entry.platform))
        has = ", ".join(dict.fromkeys(found)) or "none"
        raise NotFoundError(f"{source.label}: no image for {platform} (it has: {has})")
    config = Document.parse(source.read(root.config)).value
    os, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        raise InputError(f"{source.label}: is no image of any platform (leave out --platform)")
    said = Platform(os, architecture, variant if isinstance(variant, str) else None)
    if not serves(said, platform):
        raise NotFoundError(f"{source.label}: is an image for {said}, not for {platform}")
    return root


def serves(offered: Platform, wanted: Platform) -> bool:
    """Whether an image of one platform is what is wanted; a variant left out is any."""
    same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    return same and (None in (offered.variant, wanted.variant) or offered.variant == wanted.variant)


def is_foreign(blob: Descriptor) -> bool:
    """Whether a layer stays with its publisher (image-spec, non-distributable layers)."""
    return ".nondistributable." in blob.media_type or ".foreign." in blob.media_type


def _entries(source: Source, index: Document, depth: int) -> Iterator[Descriptor]:
    for entry in index.manifests:
        if entry.platform is None and depth < _MAX_DEPTH:
            child = source.document(entry)
            if child.is_index:
                yield from _entries(source, child, depth + 1)
        else:
            yield entry


def _gather(source: Source, document: Document, tree: _Tree, depth: int) -> None:
    if document.digest in tree.documents:
        return
    if depth > _MAX_DEPTH:
        raise MalformedError(f"{source.label}: indexes nested more than {_MAX_DEPTH} deep")
    if document.is_index:
        for entry in document.manifests:
            if entry.digest not in tree.documents:
                _gather(source, source.document(entry), tree, depth + 1)
    tree.add(document)


def _referrers(source: Source, images: Sequence[Document], tree: _Tree) -> list[Document]:
    """What refers to the images, and to what refers to them (a signature on an SBOM)."""
    found: list[Document] = []
    level: Sequence[Document] = images
    for _ in range(_MAX_DEPTH):
        following: list[Document] = []
        for subject in level:
            for entry in source.referrers(subject.digest):
                known = tree.documents.get(entry.digest)
                document = known or source.document(entry)
                if document.subject is None or document.subject.digest != subject.digest:
                    raise MalformedError(
                        f"{source.label}: {entry.digest} is listed as a referrer of "
                        f"{subject.digest} and does not say so itself (see --no-referrers)"
                    )
                if known is not None:
                    continue
                before = len(tree.documents)
                _gather(source, document, tree, 1)
                following += list(tree.documents.values())[before:]
        found += following
        if not following:
            break
        level = following
    return found
