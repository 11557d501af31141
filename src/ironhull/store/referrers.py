"""Referrers in an image layout: manifests with a subject, listed in index.json without a name."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Protocol

from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.store.index_blocks import NAME, SUBJECT
from ironhull.store.index_file import Index, index_of
from ironhull.store.layout import ImageLayout

_MOST = 200_000
# What manifests refer to, by digest: never another thing, whatever layout they are read from.
_subjects: dict[Digest, str] = {}


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
        self._index: Index | None = None
        self._opened: dict[str, list[Descriptor]] = {}

    def of(self, subject: Digest) -> list[Descriptor]:
        """What refers to a manifest, in the order of index.json."""
        said, opened = self._read().referring(subject), self._opened.get(subject, [])
        entries = {entry.digest: entry for entry in (*said, *opened)}
        if said and opened:
            order = {
                each: (entry.annotations.get(NAME, ""), each) for each, entry in entries.items()
            }
            entries = dict(sorted(entries.items(), key=lambda each: order[each[0]]))
        shown = (self._shown(entry) for entry in entries.values())
        return [about[1] for about in shown if about and about[0] == subject]

    def digests(self) -> set[Digest]:
        """All that refers to anything: none of them is an image."""
        index = self._read()
        entries = [entry for each in index.subjects() for entry in index.referring(each)]
        entries += [entry for each in self._opened.values() for entry in each]
        return {entry.digest for entry in entries if self._shown(entry)}

    def read(self) -> None:
        """Read index.json now, if it has not been read: before processes part, for example."""
        self._read()

    def _read(self) -> Index:
        if self._index is None:
            layout = self._layout
            read = layout.index() if isinstance(layout, ImageLayout) else None
            self._index = index_of(layout.descriptors()) if read is None else read
            self._opened = self._index.opened(self._subject)
        return self._index

    def _subject(self, entry: Descriptor) -> str | None:
        """What an entry that does not say so refers to; "": nothing, None: it cannot be read."""
        if entry.digest not in _subjects:
            try:
                subject = self._layout.document(entry.digest, entry.media_type).subject
            except InputError:
                return None
            if len(_subjects) >= _MOST:
                _subjects.clear()
            _subjects[entry.digest] = subject.digest if subject else ""
        return _subjects[entry.digest]

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
    listed = {document.digest: _listed(document) for document in documents}
    for document in documents:
        layout.keep(document)

    def change(index: Index) -> Index:
        # What is listed by a name, or without its subject, is not listed a second time.
        new = [entry for digest, entry in listed.items() if not index.plain(digest)]
        return index.replaced(new, gone=old)

    if documents:
        layout.change(change)


def _listed(document: Document) -> Descriptor:
    shown, subject = referrer_descriptor(document), document.subject
    if subject is None:
        return shown
    return replace(shown, annotations={**shown.annotations, SUBJECT: subject.digest})
