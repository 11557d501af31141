"""Referrers in an image layout: manifests with a subject, listed in index.json without a name."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Protocol

from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.layout import ImageLayout

SUBJECT = "io.ironhull.subject"
"""Annotation of an entry of index.json: the digest that it refers to, so that of thousands of
images' referrers those of one are found without opening all."""


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


class Referrers:
    """What refers to what in a layout, as index.json was when it was first asked.

    An entry that names its subject (`SUBJECT`) is opened only where that subject is asked for; what
    it names is believed no further. Entries without it are opened once, all of them. Those that are
    missing or unreadable are passed over: they refer to nothing.
    """

    def __init__(self, layout: Listing) -> None:
        self._layout = layout
        self._known = False
        self._entries: dict[str, list[Descriptor]] = {}

    def of(self, subject: Digest) -> list[Descriptor]:
        """What refers to a manifest, in the order of index.json."""
        self.read()
        shown = (self._shown(entry) for entry in self._entries.get(subject, ()))
        return [about[1] for about in shown if about and about[0] == subject]

    def digests(self) -> set[Digest]:
        """All that refers to anything: none of them is an image."""
        self.read()
        return {
            entry.digest for each in self._entries.values() for entry in each if self._shown(entry)
        }

    def read(self) -> None:
        """Read index.json now, if it has not been read: before processes part, for example."""
        if self._known:
            return
        seen: set[Digest] = set()
        for entry in self._layout.descriptors():
            if entry.digest in seen:
                continue
            seen.add(entry.digest)
            subject = entry.annotations.get(SUBJECT)
            if not subject:
                shown = self._shown(entry)
                subject = shown[0] if shown else None
            if subject:
                self._entries.setdefault(subject, []).append(entry)
        self._known = True

    def _shown(self, entry: Descriptor) -> tuple[Digest, Descriptor] | None:
        """Subject of an entry, and how a list of referrers shows it; None where it has none."""
        try:
            document = self._layout.document(entry.digest, entry.media_type)
            subject = document.subject
            return (subject.digest, referrer_descriptor(document)) if subject else None
        except InputError:
            return None


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
            _listed(document) for digest, document in fresh.items() if digest not in listed
        ]

    if documents:
        layout.update(change)


def _listed(document: Document) -> Descriptor:
    shown, subject = referrer_descriptor(document), document.subject
    if subject is None:
        return shown
    return replace(shown, annotations={**shown.annotations, SUBJECT: subject.digest})
