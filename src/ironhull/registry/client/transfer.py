"""Images, indexes and artifacts from one place to another, never half.

1. read the tree of manifests at the source, and what refers to any of them;
2. bring the blobs, each manifest when its parts are there, referrers after their subject;
3. give the names last, first those of older signatures: a name never points at something
   incomplete.

What waits for nothing is done several at a time. What refers to an image comes with it unless
somebody says no: other tools leave it behind without a word (docs/compatibility.md,
*copy referrers*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from typing import TypeVar

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
from ironhull.registry.client.parallel import ask_all, run_ordered
from ironhull.transport.patience import GaveUp
from ironhull.transport.stop import Stop
from ironhull.values import dataclass

_MAX_DOCUMENTS = 4096
_MAX_DOCUMENT_BYTES = 256 << 20
_MAX_BLOBS = 100_000

T = TypeVar("T")

_WITHOUT = "; to go without what refers to the image: --no-referrers"


@dataclass(frozen=True, slots=True)
class Transferred:
    """What went over: the root, counts of manifests, referrers and blobs, and bytes of blobs.

    What belongs to the image by a tag's name alone is counted as a referrer.
    """

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
    tagged: Mapping[str, Document] = field(default_factory=dict)
    """What belongs to the images by the names of tags alone."""
    beside: tuple[Document, ...] = ()
    """Manifests of `tagged` that are no referrers, with their children."""


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
    stop: Stop | None = None,
) -> Transferred:
    """Bring what the source names to the target; of an index all platforms, or those given.

    NotFoundError if the source or a platform is not there, MalformedError and UntrustedError for
    content that is not what it says, NetworkError where a registry does not play along.
    """
    progress, stop = progress or Silent(), stop or Stop()
    going = contents(
        source,
        platforms=platforms,
        with_referrers=with_referrers,
        with_tagged=with_referrers and target.keeps_tags,
        stop=stop,
    )
    referrers, size = (*going.referrers, *going.beside), sum(blob.size for blob in going.blobs)
    target.expect(going.images, referrers, stop)
    advance = progress.start(f"{source.label} → {target.label}", size, "bytes")
    moved: list[int] = []

    def take(blob: Descriptor) -> None:
        if went := target.take(blob, source, advance):
            moved.append(went)

    # The tag last: a registry refuses a manifest whose parts it lacks, and whoever asks for the tag
    # finds all of it. The largest blobs first, so that nothing waits for one of them alone.
    work: dict[Digest, Callable[[], None]] = {}
    for blob in sorted(going.blobs, key=lambda each: -each.size):
        work[blob.digest] = partial(take, blob)
    stores = {each.digest: partial(target.store, each) for each in going.images}
    stores |= {each.digest: partial(_store_referrer, target, each) for each in referrers}
    for digest, store in stores.items():
        # A manifest may be a file of an artifact too: then it is wanted as both.
        work[digest] = partial(_both, work[digest], store) if digest in work else store
    run_ordered(work, {each.digest: _parts(each) for each in (*going.images, *referrers)}, stop)
    with can_go_without_referrers():
        for tag, document in going.tagged.items():
            target.tag(document, tag)
    target.publish(going.root, going.referrers)
    counts = (len(going.images), len(referrers), len(going.blobs), len(moved), sum(moved))
    return Transferred(going.root, *counts)


def contents(
    source: Source,
    *,
    platforms: Sequence[Platform] = (),
    with_referrers: bool = True,
    with_tagged: bool = False,
    stop: Stop | None = None,
) -> Contents:
    """What `transfer` brings of a source; the same errors, but for those of the target."""
    root = choose(source, source.root(), platforms)
    tree, reading = _Tree(), _Reading(source, stop or Stop())
    reading.gather([root], tree, 0)
    images = tuple(tree.documents.values())
    referrers: list[Document] = []
    if with_referrers:
        with can_go_without_referrers():
            referrers = reading.referrers(images, tree)
    tagged, known = dict[str, Document](), len(tree.documents)
    if with_tagged:
        with can_go_without_referrers():
            tagged.update(source.tagged([each.digest for each in images], reading.stop))
            reading.gather(list(tagged.values()), tree, 1)
    beside = tuple(tree.documents.values())[known:]
    blobs = tuple(tree.blobs.values())
    return Contents(root, images, tuple(referrers), blobs, tagged, beside)


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


def _store_referrer(target: Target, document: Document) -> None:
    with can_go_without_referrers():
        target.store(document)


def _both(first: Callable[[], None], second: Callable[[], None]) -> None:
    first()
    second()


def _parts(document: Document) -> list[Digest]:
    """What has to be there before a manifest: its children or its blobs, and its subject."""
    named = [] if document.subject is None else [document.subject.digest]
    if document.is_index:
        return [*named, *(entry.digest for entry in document.manifests)]
    return [*named, document.config.digest, *(layer.digest for layer in document.layers)]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Manifests and lists read from a source, as many at a time as it is good for."""

    source: Source
    stop: Stop

    def gather(self, roots: Sequence[Document], tree: _Tree, depth: int) -> None:
        """Add to the tree what it lacks of these, children first, in the order of the indexes.

        1. Read level by level, so that those of one level are read together;
        2. add them as a walk in depth meets them.
        """
        read = {document.digest: document for document in roots}
        level = list(roots)
        while level:
            if depth > MAX_DEPTH:
                label = self.source.label
                raise MalformedError(f"{label}: indexes nested more than {MAX_DEPTH} deep")
            entries = {
                entry.digest: entry
                for document in level
                if document.is_index and document.digest not in tree.documents
                for entry in document.manifests
                if entry.digest not in read and entry.digest not in tree.documents
            }
            _bounded(len(tree.documents) + len(read) + len(entries))
            level = self._documents(list(entries.values()))
            read |= {document.digest: document for document in level}
            depth += 1
        for document in roots:
            _add(document, read, tree)

    def _documents(self, entries: Sequence[Descriptor]) -> list[Document]:
        return self._ask([partial(self.source.document, entry) for entry in entries])

    def referrers(self, images: Sequence[Document], tree: _Tree) -> list[Document]:
        """What refers to the images, and to what refers to them (a signature on an SBOM)."""
        found: list[Document] = []
        level: Sequence[Document] = images
        for _ in range(MAX_DEPTH):
            before = len(tree.documents)
            self.gather(self._referring(level, tree), tree, 1)
            level = list(tree.documents.values())[before:]
            found += level
            if not level:
                break
        return found

    def _referring(self, level: Sequence[Document], tree: _Tree) -> list[Document]:
        """Referrers of all of a level that the tree lacks; each says itself what it refers to."""
        source = self.source
        # The first alone: it tells a registry's way of listing, and the others go that way.
        lists = [source.referrers(subject.digest) for subject in level[:1]]
        lists += self._ask([partial(source.referrers, each.digest) for each in level[1:]])
        wanted = {
            entry.digest: entry
            for entries in lists
            for entry in entries
            if entry.digest not in tree.documents
        }
        _bounded(len(tree.documents) + len(wanted))
        read = dict(zip(wanted, self._documents(list(wanted.values())), strict=True))
        for subject, entries in zip(level, lists, strict=True):
            for entry in entries:
                document = tree.documents.get(entry.digest) or read[entry.digest]
                if document.subject is None or document.subject.digest != subject.digest:
                    raise MalformedError(
                        f"{source.label}: {entry.digest} is listed as a referrer of "
                        f"{subject.digest} and does not say so itself"
                    )
        return list(read.values())

    def _ask(self, questions: Sequence[Callable[[], T]]) -> list[T]:
        return ask_all(questions, self.stop, self.source.workers)


def _add(document: Document, read: Mapping[Digest, Document], tree: _Tree) -> None:
    """Add a document after its children; signatures may sign each other, each is added once."""
    if document.digest in tree.documents:
        return
    if document.is_index:
        for entry in document.manifests:
            if entry.digest not in tree.documents:
                _add(read[entry.digest], read, tree)
    tree.add(document)


def _bounded(count: int) -> None:
    if count > _MAX_DOCUMENTS:
        raise MalformedError(f"more than {_MAX_DOCUMENTS} manifests")
