"""An OCI image layout on disk (image-spec image-layout.md), read and written.

Ironhull's own store is one: `<home>/store`, its index.json lists every built image and artifact.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.store.blobs import BlobStore
from ironhull.store.files import Stamp, locked, replace_file
from ironhull.store.index_blocks import NAME
from ironhull.store.index_file import Index, read_index, write_index
from ironhull.values import dataclass

REF_NAME = NAME
CANDIDATES, LOCKED = "candidate/", "locked/"
"""How names of images begin that a watcher has built and not published; no catalog shows them."""
_SMALL, _PARSED = 1 << 14, 256  # bytes of a document that is kept in memory, and how many are
_NAMED = 8  # names that a message lists
_COMPARED = 2000
_LAYOUTS = 64


@dataclass(slots=True)
class _Gathered:
    """Changes that are not written yet, and what is listed with them."""

    index: Index
    changes: list[Callable[[Index], Index]]


class _Gathering(threading.local):
    """By the root of a layout: what this thread gathers."""

    def __init__(self) -> None:
        self.of: dict[Path, _Gathered] = {}


_gathering = _Gathering()
# Layout and digest → the file as it was when it was written, or read and verified. Whole entries
# are put and taken, so threads may share it.
_parsed: dict[tuple[Path, Digest], tuple[Stamp, Document]] = {}


@lru_cache(_LAYOUTS)
def _blobs(root: Path) -> BlobStore:
    return BlobStore(root / "blobs")


class ImageLayout:
    """A layout at `root`. `create` makes the folder valid; reading needs it to be."""

    def __init__(self, root: Path, *, create: bool = False) -> None:
        self.root = root
        self.blobs = _blobs(root)
        if create and not os.path.exists(f"{root}/index.json"):
            with locked(self.lock):
                if not (root / "index.json").exists():
                    replace_file(root / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
                    write_index(root / "index.json", Index())
        elif not create and not (root / "oci-layout").is_file():
            raise NotFoundError(f"{root} is not an OCI image layout (it has no oci-layout file)")

    @property
    def lock(self) -> Path:
        """Who holds it may change what index.json lists, and remove what it does not (`locked`)."""
        return self.root / ".lock"

    def index(self) -> Index:
        """What index.json lists now; the same object until it changes."""
        gathered = _gathering.of.get(self.root)
        return read_index(self.root / "index.json") if gathered is None else gathered.index

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Within the block this thread's changes are seen by it alone, and written once at its end.

        They are applied to what is listed then, so others may write meanwhile. Where the block ends
        with an error, or is killed, none of them is there.
        """
        if self.root in _gathering.of:
            yield
            return
        begun = self.index()
        gathered = _gathering.of[self.root] = _Gathered(begun, [])
        try:
            yield
        finally:
            del _gathering.of[self.root]
        if gathered.changes:
            with locked(self.lock):
                before = now = self.index()
                if now is begun:
                    now, gathered.changes = gathered.index, []
                for change in gathered.changes:
                    now = change(now)
                self._write(before, now)

    def descriptors(self) -> list[Descriptor]:
        """What index.json lists, in its order."""
        return list(self.index())

    def find(self, name: str) -> Descriptor:
        """The descriptor with this reference name or digest; NotFoundError says what there is."""
        found = self.index().find(name)
        if found is not None:
            return found
        named = (each.annotations.get(REF_NAME, "") for each in self.index())
        names = [each for each in named if each]
        raise NotFoundError(f"no image {name!r} in {self.root} (it has: {_nearest(name, names)})")

    def update(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        """Replace what index.json lists by `change` of it; one process at a time, atomically."""
        self.change(lambda index: index.of(change(list(index))))

    def change(self, change: Callable[[Index], Index]) -> None:
        """The same, for a change that does not look at thousands of entries for one."""
        gathered = _gathering.of.get(self.root)
        if gathered is not None:
            gathered.index = change(gathered.index)
            gathered.changes.append(change)
            return
        with locked(self.lock):
            before = self.index()
            self._write(before, change(before))

    def _write(self, before: Index, now: Index) -> None:
        # A build in which nothing changed would wait for the disk alone.
        if not now.stands_as(before):
            write_index(self.root / "index.json", now)

    def tag(self, descriptor: Descriptor, names: list[str]) -> None:
        """Let each name point at the descriptor; a name that pointed elsewhere is moved."""
        self.point(dict.fromkeys(names, descriptor))

    def point(self, names: Mapping[str, Descriptor]) -> None:
        """Let each name point at its descriptor, all in one write."""
        named = [_named(descriptor, name) for name, descriptor in names.items()]
        self.change(lambda index: index.replaced(named, names))

    def untag(self, names: Collection[str]) -> None:
        """Let go of names; those that nothing has are no error."""
        self.change(lambda index: index.replaced((), names))

    def document(self, digest: Digest, media_type: str | None = None) -> Document:
        """A manifest or index out of the blobs, verified; nobody changes its value."""
        # An image that is signed and pushed is asked seventy times for twenty small documents.
        stamp = self.blobs.stamp(digest)
        known = _parsed.get((self.root, digest))
        if known is not None and known[0] == stamp:
            document = known[1]
            # What does not say what it is, is what it is taken for by whoever asks.
            if document.media_type == (media_type or document.value.get("mediaType") or ""):
                return document
        document = Document.parse(self.blobs.read(digest, MAX_DOCUMENT), media_type)
        self._keep(document, stamp)
        return document

    def put(self, document: Document) -> None:
        """Store a manifest or index; this process does not read it back."""
        self.blobs.put(document.raw)
        self.keep(document)

    def keep(self, document: Document) -> None:
        """The same for one that somebody has put among the blobs."""
        self._keep(document, self.blobs.stamp(document.digest))

    def _keep(self, document: Document, stamp: Stamp | None) -> None:
        if stamp is not None and len(document.raw) <= _SMALL:
            if len(_parsed) >= _PARSED:
                _parsed.clear()
            _parsed[self.root, document.digest] = stamp, document

    def walk(self, descriptor: Descriptor) -> Iterator[Descriptor]:
        """The descriptor and everything below it: index, manifests, configs, layers."""
        yield descriptor
        document = self.document(descriptor.digest, descriptor.media_type)
        if document.is_index:
            for manifest in document.manifests:
                yield from self.walk(manifest)
        else:
            yield document.config
            yield from document.layers


def _named(descriptor: Descriptor, name: str) -> Descriptor:
    annotations = {**descriptor.annotations, REF_NAME: name}
    return Descriptor(
        descriptor.media_type,
        descriptor.digest,
        descriptor.size,
        annotations,
        descriptor.artifact_type,
        descriptor.platform,
        descriptor.extra,
    )


def _nearest(name: str, names: list[str]) -> str:
    """The names that are most like the wanted one, so that a slip is seen, and how many more."""
    from difflib import SequenceMatcher

    def unlike(other: str) -> tuple[float, str]:
        return -SequenceMatcher(None, name[:256], other[:256]).ratio(), other

    near = sorted(sorted(names)[:_COMPARED], key=unlike)[:_NAMED]
    more = len(names) - len(near)
    return (", ".join(near) or "nothing") + (f", and {more} more" if more else "")
