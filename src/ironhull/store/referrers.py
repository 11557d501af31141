"""Referrers in an image layout: manifests with a subject, listed in index.json without a name."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.layout import ImageLayout


class Listing(Protocol):
    """What has an index.json: a layout, or an archive of one."""

    def descriptors(self) -> list[Descriptor]:
        """What the index lists."""
        ...

    def document(self, digest: Digest, media_type: str | None = None) -> Document:
        """The manifest or index of that digest; NotFoundError, MalformedError."""
        ...


def referrer_descriptor(document: Document) -> Descriptor:
    """How a list of referrers shows a manifest (distribution-spec, "Listing Referrers").

    With its own artifactType and annotations; an image without artifactType shows its config's
    media type.
    """
    artifact_type = document.value.get("artifactType")
    if not artifact_type and not document.is_index:
        artifact_type = document.config.media_type
    annotations = document.value.get("annotations")
    return document.descriptor(
        artifact_type=artifact_type if isinstance(artifact_type, str) else None,
        annotations={
            key: text
            for key, text in (annotations.items() if isinstance(annotations, dict) else ())
            if isinstance(key, str) and isinstance(text, str)
        },
    )


def referrers_by_subject(layout: Listing) -> dict[Digest, list[Descriptor]]:
    """What index.json lists with a subject, by the subject's digest.

    Entries that are missing or unreadable are passed over: they refer to nothing.
    """
    found: dict[Digest, list[Descriptor]] = {}
    seen: set[Digest] = set()
    for entry in layout.descriptors():
        if entry.digest in seen:
            continue
        seen.add(entry.digest)
        try:
            document = layout.document(entry.digest, entry.media_type)
            subject = document.subject
            shown = referrer_descriptor(document) if subject else None
        except InputError:
            continue
        if subject is not None and shown is not None:
            found.setdefault(subject.digest, []).append(shown)
    return found


def list_documents(layout: ImageLayout, documents: Sequence[Document]) -> None:
    """Let index.json list referrers whose blobs are there; those it lists already stay once."""
    replace_documents(layout, documents, frozenset())


def replace_documents(layout: ImageLayout, documents: Sequence[Document], old: Set[Digest]) -> None:
    """The same, and list those of `old` no more."""

    def change(before: list[Descriptor]) -> list[Descriptor]:
        kept = [item for item in before if item.digest not in old]
        listed = {descriptor.digest for descriptor in kept}
        fresh = {document.digest: document for document in documents}
        return kept + [
            referrer_descriptor(document)
            for digest, document in fresh.items()
            if digest not in listed
        ]

    if documents:
        layout.update(change)
