"""A manifest comes in: checked against what the repository holds, then made visible.

1. The bytes are what their media type says, and of the digest they were sent under.
2. Every blob and manifest they consist of is in the repository, with the size they say.
3. On disk: the blob, its record and the subject's record of it together, then the tag. Whoever is
   killed in between leaves the tag as it was.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial

from ironhull.errors import MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.media_types import INDEXES, MANIFESTS
from ironhull.registry.server.contents import Condition, Contents
from ironhull.registry.server.entries import Entry, entry_of, is_foreign
from ironhull.registry.server.names import digest as parse_digest
from ironhull.registry.server.names import is_tag
from ironhull.registry.server.records import Batch
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.together import Part
from ironhull.store.files import locked

ACCEPTED = MANIFESTS | INDEXES
# Blobs of one request that are open at one time.
_OPEN = 32


def put_manifest(
    contents: Contents,
    repository: str,
    reference: str,
    raw: bytes,
    media_type: str,
    tags: Sequence[str] = (),
    wanted: Condition | None = None,
) -> Entry:
    """Store a manifest under a tag or its digest; Refusal says what is wrong with it.

    By its digest it may be given several `tags` at once: all of them, or none. A tag that is
    not as `wanted` stays.
    """
    document = _parsed(raw, media_type)  # 1
    if is_tag(reference):
        tags = (reference,)
    else:
        if ":" not in reference:
            raise Refusal("TAG_INVALID", f"{reference!r:.200} is neither tag nor digest")
        _check_digest(document, parse_digest(reference))
    entry = _entry(document)
    conditions = {reference: wanted} if wanted is not None and is_tag(reference) else {}
    with (
        locked(contents.sweep_lock, shared=True),
        contents.swapping(repository, conditions) as others,
    ):
        for tag, now in others.items():
            raise Refusal("PRECONDITION_FAILED", f"{repository}:{tag} is {now or 'not there'}")
        with contents.moving(repository, dict.fromkeys(tags, entry.digest)):
            _check_parts(contents, repository, document)  # 2
            contents.check_room(repository, entry.blobs)
            store_manifest(contents, repository, entry, raw)  # 3
            _give(contents, repository, dict.fromkeys(tags, entry))
    return entry


def _give(contents: Contents, repository: str, entries: Mapping[str, Entry]) -> None:
    """Let tags be at manifests that are on disk; what they were at stays, to be had by digest."""
    if entries:
        listed = contents.tags.listing().tags.get(repository, {})
        for before in {each.digest: each for tag in entries if (each := listed.get(tag))}.values():
            contents.keep_by_digest(repository, before)
        wanted = {
            tag: Descriptor(each.media_type, each.digest, each.size)
            for tag, each in entries.items()
        }
        contents.tags.point_all(repository, wanted)


def put_together(contents: Contents, repository: str, parts: Sequence[Part]) -> list[Part]:
    """Store blobs, then manifests by their digests, in the order in which they came; those tagged.

    Each is checked as by itself, and a manifest that is refused leaves those before it. On disk are
    all blobs before the first manifest, all manifests before the first tag, and all of it when this
    returns.
    """
    manifests = [part for part in parts if part.media_type]
    documents = [_parsed(part.data, part.media_type) for part in manifests]
    for part, document in zip(manifests, documents, strict=True):
        _check_digest(document, part.digest)
    entries = [_entry(document) for document in documents]
    with locked(contents.sweep_lock, shared=True):
        there = contents.blobs.has
        contents.records.add_all_received({each.digest: not there(each.digest) for each in parts})
        _store_blobs(contents, repository, [part for part in parts if not part.media_type])
        batch, built = contents.records.batch(), contents.built(repository)
        try:
            for document, entry in zip(documents, entries, strict=True):
                with contents.moving(repository, {}):
                    _check_parts(contents, repository, document)
                    contents.check_room(repository, entry.blobs)
                    _store(contents, repository, entry, document.raw, batch, built)
        finally:
            batch.sync()
        return _name(contents, repository, list(zip(manifests, entries, strict=True)))


def _name(contents: Contents, repository: str, stored: Sequence[tuple[Part, Entry]]) -> list[Part]:
    """Give manifests the tags of their parts, all in one write; those parts that got theirs."""
    tagged = [(part, entry) for part, entry in stored if part.tags]
    conditions = {
        part.tags[0]: partial(_is_at, part.match) for part, _ in tagged if part.match is not None
    }
    with contents.swapping(repository, conditions) as others:
        wanted = {
            tag: entry
            for part, entry in tagged
            if others.keys().isdisjoint(part.tags)
            for tag in part.tags
        }
        with contents.moving(repository, {tag: each.digest for tag, each in wanted.items()}):
            _give(contents, repository, wanted)
    return [part for part, _ in tagged if wanted.keys() >= set(part.tags)]


def _is_at(match: str, digest: Digest | None) -> bool:
    return (digest or "") == match


def _store_blobs(contents: Contents, repository: str, parts: Sequence[Part]) -> None:
    """Bytes on disk, then their names, then these on disk too.

    Named earlier, a power cut could leave an empty file under a digest, which every later push
    would be told is there. A manifest may: it is written anew whenever it is pushed.
    """
    for start in range(0, len(parts), _OPEN):
        some = [(part.digest, part.data) for part in parts[start : start + _OPEN]]
        with contents.blobs.written(some) as paths:
            batch = contents.records.batch()
            for path in paths:
                batch.data(path)
            batch.sync()
    batch = contents.records.batch()
    for part in parts:
        batch.name(contents.blobs.name(part.digest))
        contents.records.add_blob(repository, part.digest, batch)
    batch.sync()


def _check_digest(document: Document, expected: Digest) -> None:
    if document.digest != expected:
        raise Refusal("DIGEST_INVALID", f"manifest is {document.digest}, not {expected}")


def _parsed(raw: bytes, media_type: str) -> Document:
    if media_type not in ACCEPTED:
        raise Refusal(
            "MANIFEST_INVALID",
            f"Content-Type {media_type!r:.200} is not a manifest's "
            f"(expected one of: {', '.join(sorted(ACCEPTED))})",
        )
    try:
        document = Document.parse(raw, media_type)
    except MalformedError as error:
        raise Refusal("MANIFEST_INVALID", str(error)) from None
    if document.value.get("schemaVersion") != 2:
        got = document.value.get("schemaVersion")
        raise Refusal("MANIFEST_INVALID", f"schemaVersion is {got!r:.50}, expected 2")
    return document


def _entry(document: Document) -> Entry:
    try:
        return entry_of(document)
    except MalformedError as error:
        raise Refusal("MANIFEST_INVALID", str(error)) from None


def _check_parts(contents: Contents, repository: str, document: Document) -> None:
    if document.is_index:
        for child in document.manifests:
            if not contents.has_manifest(repository, child.digest):
                raise _missing(repository, "manifest", child.digest)
            _check_size(contents, repository, child)
        return
    for blob in (document.config, *document.layers):
        if not contents.has_blob(repository, blob.digest):
            if is_foreign(blob):
                continue
            raise _missing(repository, "blob", blob.digest)
        _check_size(contents, repository, blob)


def _check_size(contents: Contents, repository: str, part: Descriptor) -> None:
    try:
        size = contents.blobs.size(part.digest)
    except NotFoundError:
        raise _missing(repository, "blob", part.digest) from None
    if size != part.size:
        raise Refusal(
            "MANIFEST_INVALID", f"manifest says {part.digest} has {part.size} bytes, it has {size}"
        )


def _missing(repository: str, what: str, digest: Digest) -> Refusal:
    return Refusal(
        "MANIFEST_BLOB_UNKNOWN", f"{repository} has no {what} {digest}: push it before the manifest"
    )


def store_manifest(contents: Contents, repository: str, entry: Entry, raw: bytes) -> None:
    """Bytes, record, and the subject's record, all on disk; under the shared sweep lock.

    Whoever is killed in between leaves a manifest that nothing leads to, or a record of one that is
    not there, which counts for none.
    """
    contents.records.add_received(entry.digest, new=not contents.blobs.has(entry.digest))
    batch = contents.records.batch()
    _store(contents, repository, entry, raw, batch, contents.built(repository))
    batch.sync()


def _store(
    contents: Contents,
    repository: str,
    entry: Entry,
    raw: bytes,
    batch: Batch,
    built: Container[Digest],
) -> None:
    """The same, on disk with the batch, of what is noted as received; `built` as of `Contents`."""
    with contents.blobs.written([(entry.digest, raw)]):
        pass
    batch.file(contents.blobs.name(entry.digest))
    if entry.digest in built:
        contents.records.add_built(repository, entry.digest, batch)
    contents.records.add_manifest(repository, entry.digest, entry.media_type, batch)
    if entry.subject is not None:
        contents.records.add_referrer(repository, entry.subject, entry.digest, batch)
    contents.entries.keep(entry)
