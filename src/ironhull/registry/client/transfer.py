"""Images, indexes and artifacts from one place to another, never half.

1. read the tree of manifests at the source, and what refers to any of them;
2. bring the blobs, several at a time;
3. store the manifests, children before their index, then the referrers;
4. give the names last: a name never points at something incomplete.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field

from ironhull.errors import (
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.progress import Progress, Silent
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.choose import MAX_DEPTH, choose
from ironhull.registry.client.interface import Source, Target
from ironhull.registry.client.parallel import run_all
from ironhull.transport.patience import GaveUp
from ironhull.values import dataclass

_MAX_DOCUMENTS = 4096
_MAX_DOCUMENT_BYTES = 256 << 20
_MAX_BLOBS = 100_000

_WITHOUT = "; to go without what refers to the image: --no-referrers"


@dataclass(frozen=True, slots=True)
class Transferred:
    """What went over: the root, counts of manifests, referrers and blobs, and bytes of blobs."""

    root: Document
    manifests: int
    referrers: int
    blobs: int
    blobs_moved: int
    bytes_moved: int


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an image consists of: manifests with children first, what refers to them, blobs."""

    root: Document
    images: tuple[Document, ...]
    referrers: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]


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
        # An index holds manifests alone, which are documents here, not blobs.
        if document.is_index:
            return
        for blob in (document.config, *document.layers):
            if is_foreign(blob):
                continue
            # Blobs are shared by platforms; two sizes for one digest cannot both be true.
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
    platforms: Sequence[Platform] = (),
    with_referrers: bool = True,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Transferred:
    """Bring what the source names to the target; of an index all platforms, or those given.

    NotFoundError if the source or a platform is not there, MalformedError and UntrustedError for
    content that is not what it says, NetworkError where a registry does not play along.
    """
    progress, stop = progress or Silent(), stop or threading.Event()
    going = contents(source, platforms=platforms, with_referrers=with_referrers)
    root, referrers, blobs = going.root, going.referrers, going.blobs
    advance = progress.start(
        f"{source.label} → {target.label}", sum(blob.size for blob in blobs), "bytes"
    )
    moved: list[int] = []

    def task(blob: Descriptor) -> Callable[[], None]:
        def run() -> None:
            if target.take(blob, source, advance):
                moved.append(blob.size)

        return run

    # Blobs, then manifests from the leaves up, then referrers, the tag last: a registry refuses a
    # manifest whose parts it lacks, and whoever asks for the tag finds all of it.
    run_all([task(blob) for blob in blobs], stop)
    for document in going.images:
        target.store(document)
    with can_go_without_referrers():
        for document in referrers:
            target.store(document)
    target.publish(root, referrers)
    return Transferred(root, len(going.images), len(referrers), len(blobs), len(moved), sum(moved))


def contents(
    source: Source, *, platforms: Sequence[Platform] = (), with_referrers: bool = True
) -> Contents:
    """What `transfer` brings of a source; the same errors, but for those of the target."""
    root = choose(source, source.root(), platforms)
    tree = _Tree()
    _gather(source, root, tree, 0)
    images = tuple(tree.documents.values())
    referrers: list[Document] = []
    if with_referrers:
        with can_go_without_referrers():
            referrers = _referrers(source, images, tree)
    return Contents(root, images, tuple(referrers), tuple(tree.blobs.values()))


@contextmanager
def can_go_without_referrers() -> Iterator[None]:
    """Lets an error in the block say how to do without referrers, where it comes from them.

    Not one of the connection itself: without referrers that would be no better.
    """
    try:
        yield
    except GaveUp:
        raise
    except Refused as error:
        raise Refused(f"{error}{_WITHOUT}", error.status, error.codes, error.wait) from None
    except (MalformedError, NotFoundError, UntrustedError, NetworkError) as error:
        raise type(error)(f"{error}{_WITHOUT}") from None


def is_foreign(blob: Descriptor) -> bool:
    """Whether a layer stays with its publisher (image-spec, non-distributable layers)."""
    return ".nondistributable." in blob.media_type or ".foreign." in blob.media_type


def _gather(source: Source, document: Document, tree: _Tree, depth: int) -> None:
    if document.digest in tree.documents:
        return
    if depth > MAX_DEPTH:
        raise MalformedError(f"{source.label}: indexes nested more than {MAX_DEPTH} deep")
    if document.is_index:
        for entry in document.manifests:
            if entry.digest not in tree.documents:
                _gather(source, source.document(entry), tree, depth + 1)
    tree.add(document)


def _referrers(source: Source, images: Sequence[Document], tree: _Tree) -> list[Document]:
    """What refers to the images, and to what refers to them (a signature on an SBOM)."""
    found: list[Document] = []
    level: Sequence[Document] = images
    for _ in range(MAX_DEPTH):
        following: list[Document] = []
        for subject in level:
            for entry in source.referrers(subject.digest):
                known = tree.documents.get(entry.digest)
                document = known or source.document(entry)
                if document.subject is None or document.subject.digest != subject.digest:
                    raise MalformedError(
                        f"{source.label}: {entry.digest} is listed as a referrer of "
                        f"{subject.digest} and does not say so itself"
                    )
                # Signatures may sign each other; each document is gone into once.
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
