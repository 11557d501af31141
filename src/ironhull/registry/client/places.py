"""The places between which images go: a registry's repository, a layout, an archive."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from ironhull.errors import InputError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import INDEXES, MANIFESTS
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.gathering import Gathering
from ironhull.registry.client.held import Held, held_of, held_under
from ironhull.registry.client.interface import Advance, Source
from ironhull.registry.client.parallel import WORKERS, ask_all
from ironhull.registry.client.referrers import list_referrers, list_under_tags
from ironhull.registry.client.repository import TAGS_AT_ONCE, Repository
from ironhull.registry.client.tagged import give_tag, tagged_for
from ironhull.registry.client.transfer import can_go_without_referrers
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.blobs import CHUNK, MAX_READ, BlobStore
from ironhull.store.export import whole_file, write_oci_archive
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import Referrers, list_documents, referrer_descriptor
from ironhull.transport.stop import Stop

Partly = Callable[[Descriptor, BlobStore], tuple[bool, int]]
"""Brings a layer by parts: whether it is there then, and the bytes that came over."""
_MAX_ASKED = 16
"""Of images with more platforms the last are looked for, the index among them."""
_SMALL = 1 << 18


class RegistrySource:
    """A tag or digest in a repository.

    Of chunked layers only files are fetched that no layer in the store `near` has.
    """

    workers = WORKERS

    def __init__(
        self, repository: Repository, reference: str, near: BlobStore | None = None
    ) -> None:
        self.repository = repository
        self.reference = reference
        self._near = near
        self._partly: Partly | None = None
        self._opening = Lock()
        mark = "@" if ":" in reference else ":"
        self.label = f"{repository}{mark}{reference}"

    def root(self) -> Document:
        """As `Source.root`."""
        return self.repository.fetch_manifest(self.reference)

    def document(self, descriptor: Descriptor) -> Document:
        """As `Source.document`."""
        _must_be_manifest(self.label, descriptor)
        return self.repository.fetch_manifest(descriptor.digest, descriptor)

    def read(self, descriptor: Descriptor) -> bytes:
        """As `Source.read`."""
        return self.repository.read_blob(descriptor, MAX_READ)

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """As `Source.referrers`."""
        return list_referrers(self.repository, digest)

    def tagged(self, digests: Sequence[Digest], stop: Stop) -> Mapping[str, Document]:
        """As `Source.tagged`."""
        return tagged_for(self.repository, digests, stop)

    @contextmanager
    def opened(self, descriptor: Descriptor) -> Iterator[Callable[[], BinaryIO]]:
        """As `Source.opened`."""
        with tempfile.TemporaryDirectory(prefix="ironhull-") as folder:
            blobs = BlobStore(Path(folder) / "blobs")
            self.bring(descriptor, blobs, lambda amount: None)
            yield lambda: blobs.open(descriptor.digest)

    def bring(self, descriptor: Descriptor, blobs: BlobStore, advance: Advance) -> int:
        """As `Source.bring`."""
        if blobs.has(descriptor.digest, descriptor.size):
            advance(descriptor.size)
            return 0
        near = self._near
        done, moved = (False, 0) if near is None else self._by_parts(near)(descriptor, blobs)
        if done:
            advance(descriptor.size)
            return moved
        self.repository.fetch_blob(descriptor, blobs, advance)
        return moved + descriptor.size

    def _by_parts(self, near: BlobStore) -> Partly:
        # Late: it loads what unpacks layers, and of a push or a copy within a registry nothing is
        # fetched. Once for all threads, which share what it learns of the store.
        from ironhull.registry.client.partly import partly

        with self._opening:
            if self._partly is None:
                self._partly = partly(self.repository, near)
            return self._partly


class StoredSource:
    """One descriptor of a layout's or an archive's index.json."""

    workers = 1

    def __init__(
        self, stored: ImageLayout | ArchiveFile, descriptor: Descriptor, label: str
    ) -> None:
        self.stored = stored
        self.descriptor = descriptor
        self.label = label
        self._referrers = Referrers(stored)

    def root(self) -> Document:
        """As `Source.root`."""
        return self.document(self.descriptor)

    def document(self, descriptor: Descriptor) -> Document:
        """As `Source.document`."""
        _must_be_manifest(self.label, descriptor)
        return self.stored.document(descriptor.digest, descriptor.media_type)

    def read(self, descriptor: Descriptor) -> bytes:
        """As `Source.read`."""
        return self.stored.blobs.read(descriptor.digest)

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """As `Source.referrers`."""
        return self._referrers.of(digest)

    def tagged(self, digests: Sequence[Digest], stop: Stop) -> Mapping[str, Document]:
        """As `Source.tagged`: here everything has a subject."""
        return {}

    @contextmanager
    def opened(self, descriptor: Descriptor) -> Iterator[Callable[[], BinaryIO]]:
        """As `Source.opened`."""
        size = self.stored.blobs.size(descriptor.digest)
        if size != descriptor.size:
            raise UntrustedError(
                f"{self.label}: blob {descriptor.digest} has {size} bytes, "
                f"its descriptor says {descriptor.size}"
            )
        yield lambda: self.stored.blobs.open(descriptor.digest)

    def bring(self, descriptor: Descriptor, blobs: BlobStore, advance: Advance) -> int:
        """As `Source.bring`."""
        with (
            self.opened(descriptor) as source,
            source() as file,
            blobs.writer(descriptor.digest, descriptor.size) as blob,
        ):
            while data := file.read(CHUNK):
                blob.write(data)
                advance(len(data))
        return descriptor.size


class RegistryTarget:
    """A repository and the tags that the image gets there; none: it is found by digest alone."""

    keeps_tags = True

    def __init__(
        self, repository: Repository, tags: Sequence[str], mount_from: str | None = None
    ) -> None:
        self.repository = repository
        self.tags = list(tags)
        self._mount_from = mount_from
        self._unlisted: list[Document] = []
        self._new: frozenset[Digest] = frozenset()
        self._statements: frozenset[Digest] = frozenset()
        self._gathering = Gathering(repository, self._bring_believed)
        self._believed: list[tuple[Descriptor, Source]] = []
        self._record: tuple[Document, str, Digest | None] | None = None
        self.record_given = False
        self._there = Held()
        self._may_ask = True
        self.label = f"{repository}:{','.join(tags)}" if tags else str(repository)

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """As `Target.expect`: which images are new here, and so most of what belongs to them."""
        self._new = self._missing(images, stop)
        self._statements = _blobs_about(self._new, referrers)
        if not self._may_ask or not self.repository.session.together:
            return
        if self._new and self.tags:
            # Rebuilt: nearly all of its layers are those of the image that a tag is still at.
            self._there = held_under(self.repository, self.tags[-1], stop)
        elif not self._new and len(images) <= _MAX_ASKED:
            # Said anew of what stays as it is: nearly all of it is there.
            self._there = held_of(self.repository, images, referrers, stop)

    def _missing(self, images: Sequence[Document], stop: Stop) -> frozenset[Digest]:
        asked = [document.digest for document in images[-_MAX_ASKED:]]
        if len(asked) == 2 and not self._has(asked[0]):
            # Nor is there an index of this one platform.
            return frozenset(asked)
        if len(asked) == 2:
            asked = asked[1:]
        there = ask_all([partial(self._has, each) for each in asked], stop)
        return frozenset(each for each, has in zip(asked, there, strict=True) if not has)

    def _has(self, digest: Digest) -> bool:
        try:
            return self.repository.has_manifest(digest) is not None
        except Refused:
            # Whoever may write need not be let to ask: then nothing is taken for new.
            self._may_ask = False
            return True

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """As `Target.take`."""
        placed = self.repository.session.placed
        if descriptor.digest in self._there.blobs:
            placed.note(descriptor.digest, self.repository.name)
            self._believed.append((descriptor, source))
            advance(descriptor.size)
            return 0
        with ExitStack() as stack:
            found: list[Callable[[], BinaryIO]] = []

            def blob() -> BinaryIO:
                # Only now: a blob that is there already is never fetched.
                if not found:
                    found.append(stack.enter_context(source.opened(descriptor)))
                return found[0]()

            mount = self._mount(source)
            if mount is None and descriptor.size > _SMALL:
                mount = placed.where(descriptor.digest)
            # Of a new image small blobs are new too: to ask for them takes longer than to send
            # them. What can be mounted is, whether it is there or not.
            new = bool(self._new or self._there.manifests)
            small = descriptor.size <= _SMALL or descriptor.digest in self._statements
            sure = new and (mount is not None or small)
            if sure and mount is None and self._gathering.takes(descriptor.size):
                with blob() as file:
                    self._gathering.blob(descriptor, file.read(descriptor.size))
                advance(descriptor.size)
                return descriptor.size
            sent = self.repository.push_blob(descriptor, blob, advance, mount, ask=not sure)
            if descriptor.size > _SMALL:
                placed.note(descriptor.digest, self.repository.name)
            return descriptor.size if sent else 0

    def _bring_believed(self) -> bool:
        """Bring what another image was believed to have brought, where that is not there."""
        believed, self._believed = self._believed, []
        for descriptor, source in believed:
            with source.opened(descriptor) as opened:
                self.repository.push_blob(descriptor, opened)
        return bool(believed)

    def store(self, document: Document) -> None:
        """As `Target.store`."""
        if document.digest in self._there.manifests:
            return
        if self._gathering.takes(len(document.raw)):
            self._gathering.manifest(document)
            return
        self._gathering.send()
        if not self.repository.push_manifest(document):
            self._unlisted.append(document)

    def along(self, data: bytes) -> bool:
        """Send a blob with what `publish` sends before the tags; False: it has to go by itself."""
        if not self._gathering.takes(size := len(data)):
            return False
        self._gathering.blob(Descriptor("application/octet-stream", digest_of(data), size), data)
        return True

    def record(self, document: Document, tag: str, before: Digest | None) -> None:
        """Send a manifest with what `publish` sends, to get its tag after the image has its own.

        Only if the tag is still at `before`; `record_given` says whether it was.
        """
        if self._gathering.takes(len(document.raw)):
            self._record = document, tag, before

    def tag(self, document: Document, tag: str) -> None:
        """As `Target.tag`; signatures that the tag has and this has not stay."""
        self._gathering.send()
        give_tag(self.repository, document, tag)

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """As `Target.publish`."""
        given = self._sent(root)
        # All together: a list under a tag is then written once for each subject. In an order that
        # does not depend on which thread was first.
        order = {document.digest: number for number, document in enumerate(referrers)}
        unlisted = sorted(
            self._unlisted, key=lambda each: (order.get(each.digest, -1), each.digest)
        )
        with can_go_without_referrers():
            list_under_tags(self.repository, unlisted, self._new)
        self._unlisted = []
        self.repository.give_tags(root, [tag for tag in self.tags if tag not in given])

    def _sent(self, root: Document) -> frozenset[str]:
        """Send what waits; the tags that were given with it."""
        record, self._record = self._record, None
        if record is not None:
            self._gathering.manifest(record[0])
        # Lists under tags come before the tags, the image's before the record's.
        tags = self.tags[:TAGS_AT_ONCE]
        named = not self._unlisted and bool(tags) and self._gathering.name(root, tags)
        if record is not None and named:
            document, tag, before = record
            self._gathering.name(document, [tag], before or "")
        given = self._gathering.send()
        self.record_given = record is not None and record[1] in given
        return given

    def _mount(self, source: Source) -> str | None:
        if isinstance(source, RegistrySource):
            other = source.repository
            if other.session is self.repository.session:
                return other.name
        return self._mount_from


class LayoutTarget:
    """A layout and the names that the image gets in its index.json."""

    keeps_tags = False

    def __init__(self, layout: ImageLayout, names: Sequence[str], label: str) -> None:
        self.layout = layout
        self.names = list(names)
        self.label = label

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """As `Target.expect`; what is there is seen at no cost."""

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """As `Target.take`."""
        blobs = self.layout.blobs
        if blobs.has(descriptor.digest) and blobs.size(descriptor.digest) == descriptor.size:
            advance(descriptor.size)
            return 0
        return source.bring(descriptor, blobs, advance)

    def store(self, document: Document) -> None:
        """As `Target.store`."""
        if not self.layout.blobs.has(document.digest):
            self.layout.blobs.put(document.raw)

    def tag(self, document: Document, tag: str) -> None:
        """As `Target.tag`: never asked to."""

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """As `Target.publish`."""
        if self.names:
            self.layout.tag(root.descriptor(), self.names)
        else:
            self.layout.update(lambda before: _listed(before, root))
        list_documents(self.layout, referrers)


class ArchiveTarget:
    """A tar of an OCI layout at `path`, which appears when it is whole.

    What does not come from a layout waits in a folder beside it.
    """

    keeps_tags = False

    def __init__(self, path: Path, name: str, staging: ImageLayout, label: str) -> None:
        self.path = path
        self.label = label
        self._name = name
        self._layout = staging
        self._direct: ImageLayout | None = None

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """As `Target.expect`; what is there is seen at no cost."""

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """As `Target.take`."""
        if isinstance(source, StoredSource) and isinstance(source.stored, ImageLayout):
            self._direct = source.stored
            advance(descriptor.size)
            return descriptor.size
        return source.bring(descriptor, self._layout.blobs, advance)

    def store(self, document: Document) -> None:
        """As `Target.store`."""
        self._layout.blobs.put(document.raw)

    def tag(self, document: Document, tag: str) -> None:
        """As `Target.tag`: never asked to."""

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """As `Target.publish`."""
        layout = self._direct or self._layout
        also = [referrer_descriptor(document) for document in referrers]
        made = root if root.is_index and not layout.blobs.has(root.digest) else None
        with whole_file(self.path) as file:
            write_oci_archive(layout, root.descriptor(), self._name, file, also=also, made=made)


def _blobs_about(new: frozenset[Digest], referrers: Sequence[Document]) -> frozenset[Digest]:
    """Blobs of what refers to the new images, or to that in its turn: as new as these."""
    subjects, found = set(new), set[Digest]()
    for each in referrers:
        if each.subject is not None and each.subject.digest in subjects and not each.is_index:
            subjects.add(each.digest)
            found |= {blob.digest for blob in each.layers}
    return frozenset(found)


def _listed(before: list[Descriptor], root: Document) -> list[Descriptor]:
    if any(item.digest == root.digest for item in before):
        return before
    return [*before, root.descriptor()]


def _must_be_manifest(label: str, descriptor: Descriptor) -> None:
    if descriptor.media_type not in INDEXES and descriptor.media_type not in MANIFESTS:
        raise InputError(
            f"{label}: {descriptor.digest} is of type {descriptor.media_type!r:.100}, "
            "expected an OCI or Docker manifest or index"
        )
