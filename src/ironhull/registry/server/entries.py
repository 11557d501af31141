"""What a manifest says, short, and kept in memory: manifests never change under their digest."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ironhull.errors import InputError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_INDEX, OCI_MANIFEST
from ironhull.store.blobs import BlobStore

_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest or index: what it is, what it refers to, what it consists of.

    `foreign` are blobs that live at addresses of their own: nobody checked that they are here, so
    that they are named says nothing about whose they are.
    """

    digest: Digest
    media_type: str
    size: int
    artifact_type: str | None
    annotations: Mapping[str, str]
    subject: Digest | None
    manifests: tuple[Digest, ...]
    blobs: tuple[Digest, ...]
    foreign: tuple[Digest, ...] = ()


def is_foreign(part: Descriptor) -> bool:
    """Whether a part is fetched from its own addresses (image-spec descriptor.md, `urls`)."""
    return bool(part.extra.get("urls"))


def entry_of(document: Document) -> Entry:
    """The entry of a parsed document; MalformedError if a descriptor in it is wrong.

    A document with the parts of an image and of an index is refused: checked as one of them it
    could later be read as the other (image-spec manifest.md, CVE-2021-41190).
    """
    if "manifests" in document.value and {"config", "layers"} & set(document.value):
        raise MalformedError("manifest is an image and an index at once")
    annotations = document.value.get("annotations")
    artifact_type = document.value.get("artifactType")
    subject = document.subject
    manifests: tuple[Digest, ...] = ()
    parts: tuple[Descriptor, ...] = ()
    if document.is_index:
        manifests = tuple(_shared(item.digest) for item in document.manifests)
    else:
        config = document.config
        parts = (config, *document.layers)
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
        blobs=tuple(_shared(part.digest) for part in parts if not is_foreign(part)),
        foreign=tuple(_shared(part.digest) for part in parts if is_foreign(part)),
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
        """The entry of a stored manifest; None if it is missing, damaged or no manifest.

        `media_type` is what this repository knows it as: where the document does not say, another
        repository may have been told another one.
        """
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
                if media_type in (None, found.media_type):
                    return found
                return replace(found, media_type=media_type)
        try:
            document = Document.parse(self._blobs.read(digest, MAX_DOCUMENT), media_type)
            entry = entry_of(with_media_type(document))
        except InputError:
            return None
        self.keep(entry)
        return entry

    def kept(self, digest: Digest) -> Entry | None:
        """The entry if it is in memory; its media type may be another repository's word."""
        return self._kept.get(digest)

    def keep(self, entry: Entry) -> None:
        """Remember the entry of a manifest that was just stored."""
        with self._lock:
            self._kept[entry.digest] = entry
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def forget(self, digest: Digest) -> None:
        """The manifest is no longer stored."""
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
