"""What a manifest says, short, and kept in memory: manifests never change under their digest."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from ironhull.errors import InputError
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_INDEX, OCI_MANIFEST
from ironhull.store.blobs import BlobStore

_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest or index: what it is, what it refers to, what it consists of."""

    digest: Digest
    media_type: str
    size: int
    artifact_type: str | None
    annotations: Mapping[str, str]
    subject: Digest | None
    manifests: tuple[Digest, ...]
    blobs: tuple[Digest, ...]


def entry_of(document: Document) -> Entry:
    """The entry of a parsed document; MalformedError if a descriptor in it is wrong."""
    annotations = document.value.get("annotations")
    artifact_type = document.value.get("artifactType")
    subject = document.subject
    manifests: tuple[Digest, ...] = ()
    blobs: tuple[Digest, ...] = ()
    if document.is_index:
        manifests = tuple(_shared(item.digest) for item in document.manifests)
    else:
        config = document.config
        blobs = tuple(_shared(item.digest) for item in (config, *document.layers))
        # distribution-spec, "Listing Referrers": an image without artifactType shows its config's.
        artifact_type = artifact_type or config.media_type
    return Entry(
        digest=document.digest,
        media_type=document.media_type,
        size=len(document.raw),
        artifact_type=artifact_type if isinstance(artifact_type, str) else None,
        annotations=_strings(annotations),
        subject=subject.digest if subject else None,
        manifests=manifests,
        blobs=blobs,
    )


def with_media_type(document: Document) -> Document:
    """The document with a media type: OCI's own may leave theirs out (image-spec manifest.md)."""
    if document.media_type:
        return document
    media_type = OCI_INDEX if "manifests" in document.value else OCI_MANIFEST
    return Document(document.raw, media_type, document.value)


class Entries:
    """Entries of the manifests in a blob store, the latest used in memory."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._kept: OrderedDict[Digest, Entry] = OrderedDict()

    def get(self, digest: Digest, media_type: str | None = None) -> Entry | None:
        """The entry of a stored manifest; None if it is missing, damaged or no manifest."""
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
                return found
        try:
            document = Document.parse(self._blobs.read(digest, MAX_DOCUMENT), media_type)
            entry = entry_of(with_media_type(document))
        except InputError:
            return None
        self.keep(entry)
        return entry

    def keep(self, entry: Entry) -> None:
        with self._lock:
            self._kept[entry.digest] = entry
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def forget(self, digest: Digest) -> None:
        with self._lock:
            self._kept.pop(digest, None)


def _shared(digest: Digest) -> Digest:
    # The same layer is in many images: one string for all of them.
    return Digest(sys.intern(digest))


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {
        key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)
    }
