"""One repository of one registry, as the distribution spec 1.1 lets clients use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import BinaryIO
from urllib.parse import urlencode

from urllib3.response import BaseHTTPResponse

from ironhull.errors import MalformedError, NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of, parse_digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
)
from ironhull.oci.reference import TAG
from ironhull.registry import together
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.auth import Scope
from ironhull.registry.client.pages import pages
from ironhull.registry.client.session import Session
from ironhull.registry.client.upload import BlobUpload
from ironhull.reports.text import one_line
from ironhull.store.blobs import BlobStore, BlobWriter
from ironhull.transport.message import Answer, Request, bytes_body
from ironhull.transport.patience import Broken, GaveUp
from ironhull.transport.receive import Reception

ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))
TAGS_AT_ONCE = 16
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


def _nothing(amount: int) -> None:
    pass


class Repository:
    """Manifests, blobs, tags of `<registry>/<name>`. Safe for several threads."""

    def __init__(self, session: Session, name: str, *, write: bool = False) -> None:
        self.session = session
        self.name = name
        self.scope = Scope(name, "pull,push" if write else "pull")
        self.lists_by_tag = False
        """Whether the registry was seen to have no referrers API (`referrers`)."""

    def __str__(self) -> str:
        return f"{self.session.registry}/{self.name}"

    # Manifests.

    def fetch_manifest(self, reference: str, expected: Descriptor | None = None) -> Document:
        """The manifest or index with this tag or digest; `expected` (size, type) is held to.

        NotFoundError if there is none, UntrustedError if the bytes are not those of the digest.
        """
        what = f"manifest {reference}"
        request = Request("GET", self._url(f"manifests/{reference}"), {"accept": ACCEPT})
        try:
            answer = self.session.call(request, self.scope, 200, what=what, limit=MAX_DOCUMENT)
        except Refused as error:
            raise self._missing(error, what) from None
        media_type = self._media_type(answer, what)
        try:
            document = Document.parse(answer.body, media_type)
            _unambiguous(document)
        except MalformedError as error:
            raise MalformedError(f"{self}: {what}: {error}") from None
        wanted = expected.digest if expected else _digest_in(reference)
        self._hold(document, wanted, answer, what)
        if expected and (len(document.raw), media_type) != (expected.size, expected.media_type):
            raise UntrustedError(
                f"{self}: {what}: expected {expected.size} bytes of {expected.media_type}, "
                f"got {len(document.raw)} bytes of {media_type}"
            )
        return document

    def has_manifest(self, reference: str) -> Digest | None:
        """The digest that the registry gives for a tag or digest; None if it has no such thing."""
        request = Request("HEAD", self._url(f"manifests/{reference}"), {"accept": ACCEPT})
        answer = self.session.call(request, self.scope, 200, 404, what=f"manifest {reference}")
        self.session.together = answer.headers.get(together.HEADER) == together.VERSION
        if answer.status == 404:
            return None
        said = answer.headers.get("docker-content-digest")
        if said is None:
            return self.fetch_manifest(reference).digest
        return self._said(said, f"manifest {reference}")

    def push_manifest(
        self, document: Document, tag: str | None = None, condition: Mapping[str, str] | None = None
    ) -> bool:
        """Store a manifest by its digest, or under a tag.

        False if it has a subject and the registry did not say that it keeps referrers: then the
        referrers tag is the pusher's to update (`referrers.add`). `condition` are headers: a
        registry that knows them refuses with 412 where they do not hold.
        """
        reference = tag or document.digest
        request = Request(
            "PUT",
            self._url(f"manifests/{reference}"),
            {"content-type": document.media_type, **(condition or {})},
            bytes_body(document.raw),
        )
        what = f"push of manifest {reference}"
        answer = self.session.call(request, self.scope, 201, 200, 202, what=what)
        said = answer.headers.get("docker-content-digest")
        if said is not None and said != document.digest:
            raise UntrustedError(
                f"{self}: {what}: the registry stored {one_line(said, 80)} "
                f"and not {document.digest}; it changed what it was given"
            )
        subject = document.subject
        return subject is None or answer.headers.get("oci-subject") == subject.digest

    def give_tags(self, document: Document, tags: Sequence[str]) -> None:
        """Let tags name a manifest: at once where the registry takes it so, else in their order."""
        done: frozenset[str] = frozenset()
        if len(tags) > 1 and (self.session.together or self.session.tags_at_once.may(0)):
            done = self._given_at_once(document, tags[:TAGS_AT_ONCE])
            self.session.tags_at_once.learned(bool(done))
        for tag in tags:
            if tag not in done:
                self.push_manifest(document, tag)

    def _given_at_once(self, document: Document, tags: Sequence[str]) -> frozenset[str]:
        """Those that the registry says it gave (distribution-spec, end-7b); one may know none."""
        query = urlencode([("tag", tag) for tag in tags])
        request = Request(
            "PUT",
            self._url(f"manifests/{document.digest}?{query}"),
            {"content-type": document.media_type},
            bytes_body(document.raw),
        )
        what = f"push of manifest {document.digest}"
        try:
            answer = self.session.call(request, self.scope, 201, 200, 202, what=what)
        except Refused as error:
            if error.status in (401, 403):
                # None of them is moved: one after the other some would be.
                raise
            return frozenset()
        return _tags_in(answer)

    def push_together(self, parts: Sequence[together.Part]) -> frozenset[str]:
        """Bring blobs and manifests in one request to a registry that takes it; the tags given."""
        kind = {"content-type": together.MEDIA_TYPE}
        body = bytes_body(together.packed(parts))
        request = Request("POST", self._url(together.PATH), kind, body)
        what = f"push of {len(parts)} parts together"
        return _tags_in(self.session.call(request, self.scope, 201, what=what))

    # Blobs.

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the registry has the blob, in the size that the descriptor says."""
        what = f"blob {descriptor.digest}"
        request = Request("HEAD", self._url(f"blobs/{descriptor.digest}"))
        answer = self.session.call(request, self.scope, 200, 404, what=what)
        length = answer.headers.get("content-length")
        if answer.status == 200 and length is not None and length != str(descriptor.size):
            raise UntrustedError(
                f"{self}: {what}: the registry has {one_line(length, 30)} bytes, "
                f"its descriptor says {descriptor.size}"
            )
        return answer.status == 200

    def blob_size(self, digest: Digest) -> int:
        """Bytes of a blob, as the registry says; NotFoundError if it has none with this digest.

        NetworkError where it does not say: whoever needs the size cannot go on.
        """
        what = f"blob {digest}"
        request = Request("HEAD", self._url(f"blobs/{digest}"))
        try:
            answer = self.session.call(request, self.scope, 200, what=what)
        except Refused as error:
            raise self._missing(error, what) from None
        length = answer.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise NetworkError(f"{self}: {what}: the registry does not say how large it is")
        return int(length)

    def fetch_blob(
        self,
        descriptor: Descriptor,
        store: BlobStore,
        advance: Callable[[int], None] = _nothing,
    ) -> None:
        """Bring a blob into a store unless it is there; verified while it streams.

        Goes on with Range where a connection broke. UntrustedError if the bytes are not those
        that the descriptor promises; nothing is stored then.
        """
        if store.has(descriptor.digest) and store.size(descriptor.digest) == descriptor.size:
            advance(descriptor.size)
            return
        with self._explained(descriptor), store.writer(descriptor.digest, descriptor.size) as blob:
            self._receive(descriptor, blob, advance)

    def _receive(
        self, descriptor: Descriptor, blob: BlobWriter, advance: Callable[[int], None]
    ) -> None:
        exchange, what = self.session.exchange, f"blob {descriptor.digest}"
        request = Request("GET", self._url(f"blobs/{descriptor.digest}"))

        def sink(data: bytes) -> None:
            blob.write(data)
            advance(len(data))

        def attempt(more: Mapping[str, str]) -> AbstractContextManager[BaseHTTPResponse]:
            expected = (200, 206, 416) if more else (200,)
            return self.session.attempt(request.adding(more), self.scope, *expected, what=what)

        def note(failure: Broken, pause: float) -> None:
            exchange.progress.note(
                f"{self}: {failure.reason}; going on at byte {blob.size} of {descriptor.size}"
            )

        reception = Reception(exchange, "", sink, descriptor.size, exact=True)
        try:
            reception.run(attempt, exchange.tries(request, note=note))
        except GaveUp as error:
            # What the registry said with its last "later" tells more than that it did.
            if isinstance(error.last.__cause__, Refused):
                raise error.last.__cause__ from None
            raise

    def read_blob(self, descriptor: Descriptor, limit: int = MAX_DOCUMENT) -> bytes:
        """A small blob in memory, verified; UntrustedError if it is larger than `limit`."""
        what = f"blob {descriptor.digest}"
        if descriptor.size > limit:
            raise UntrustedError(f"{self}: {what}: {descriptor.size} bytes, the limit is {limit}")
        request = Request("GET", self._url(f"blobs/{descriptor.digest}"))
        try:
            answer = self.session.call(
                request, self.scope, 200, what=what, limit=max(descriptor.size, 1)
            )
        except Refused as error:
            raise self._missing(error, what) from None
        self._hold(answer.body, descriptor.digest, answer, what)
        return answer.body

    def push_blob(
        self,
        descriptor: Descriptor,
        source: Callable[[], BinaryIO],
        advance: Callable[[int], None] = _nothing,
        mount_from: str | None = None,
        *,
        ask: bool = True,
    ) -> bool:
        """Bring a blob to the registry: there already, mounted, or sent; True if it was sent.

        `ask` whether it is there: else only where mounting failed, before it is sent after all.
        """
        mount = mount_from if mount_from != self.name else None
        if ask and self.has_blob(descriptor):
            advance(descriptor.size)
            return False
        upload = BlobUpload(self.session, self.scope, descriptor, source, advance)
        sent = upload.run(mount, there=None if ask else partial(self.has_blob, descriptor))
        if not sent:
            advance(descriptor.size)
        return sent

    # Tags and deletion.

    def tags(self) -> list[str]:
        """All tags, in the registry's order; NotFoundError if there is no such repository."""
        found: list[str] = []
        path = f"/v2/{self.name}/tags/list?n=1000"
        try:
            for _, value in pages(
                self.session, self.scope, path, what="tags", accept="application/json"
            ):
                tags = value.get("tags") or []
                if not isinstance(tags, list):
                    raise NetworkError(f"{self}: tags: the answer holds no list")
                for tag in tags:
                    if not isinstance(tag, str) or not TAG.fullmatch(tag):
                        raise NetworkError(f"{self}: tags: {tag!r:.200} is not a tag")
                    found.append(tag)
        except Refused as error:
            raise self._missing(error, "tags") from None
        return found

    def delete(self, reference: str) -> None:
        """Remove a tag, or a manifest by digest; NotFoundError if there is none."""
        what = f"deletion of {reference}"
        request = Request("DELETE", self._url(f"manifests/{reference}"))
        try:
            self.session.call(request, self.scope, 202, 200, what=what)
        except Refused as error:
            if error.status in (405, 400):
                raise Refused(
                    f"{self}: the registry does not delete {reference}", error.status, error.codes
                ) from None
            raise self._missing(error, what) from None

    def _url(self, path: str) -> str:
        return self.session.url(f"/v2/{self.name}/{path}")

    def _explained(self, descriptor: Descriptor) -> _Explained:
        return _Explained(self, descriptor)

    def _media_type(self, answer: Answer, what: str) -> str:
        said = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said in INDEXES or said in MANIFESTS:
            return said
        if said.startswith(_SCHEMA_1):
            raise MalformedError(
                f"{self}: {what}: a Docker schema 1 manifest, which nobody should use since 2017; "
                "push the image again with a current tool"
            )
        raise MalformedError(
            f"{self}: {what}: answered with content type {one_line(said, 80) or '(none)'!r}, "
            "expected an OCI or Docker manifest or index; is this a registry?"
        )

    def _hold(
        self, content: Document | bytes, wanted: Digest | None, answer: Answer, what: str
    ) -> None:
        digest = digest_of(content) if isinstance(content, bytes) else content.digest
        said = answer.headers.get("docker-content-digest")
        if wanted is None and said is not None:
            wanted = self._said(said, what)
        if wanted is not None and wanted != digest:
            raise UntrustedError(f"{self}: {what}: should be {wanted}, got {digest}")

    def _said(self, digest: str, what: str) -> Digest:
        try:
            return parse_digest(digest)
        except MalformedError as error:
            raise MalformedError(f"{self}: {what}: Docker-Content-Digest: {error}") from None

    def _missing(self, error: Refused, what: str) -> Exception:
        if error.status != 404:
            return error
        if "NAME_UNKNOWN" in error.codes:
            return NotFoundError(f"{self}: no such repository (looked for {what})")
        return NotFoundError(f"{self}: no {what}")


class _Explained:
    """Puts repository and blob before what went wrong with a blob."""

    def __init__(self, repository: Repository, descriptor: Descriptor) -> None:
        self._where = f"{repository}: blob {descriptor.digest}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused):
            if error.status == 404:
                raise NotFoundError(f"{self._where}: the registry does not have it") from None
            return
        if isinstance(error, GaveUp):
            raise NetworkError(f"{self._where}: {error.last.reason}") from None
        if isinstance(error, UntrustedError):
            raise UntrustedError(f"{self._where}: {error}") from None


def _unambiguous(document: Document) -> None:
    """Refuse what one reader takes for an index and another for a manifest (image-spec 1.0.2)."""
    index = "manifests" in document.value
    manifest = "layers" in document.value or "config" in document.value
    if index and manifest:
        raise MalformedError("it is both an index and a manifest")
    if index != document.is_index or manifest == document.is_index:
        raise MalformedError(f"it is not what its media type {document.media_type} says")


def _tags_in(answer: Answer) -> frozenset[str]:
    """Those that a registry says it gave (distribution-spec, end-7b)."""
    said = ",".join(answer.headers.getlist("oci-tag"))
    return frozenset(tag for each in said.split(",") if (tag := each.strip()))


def _digest_in(reference: str) -> Digest | None:
    return parse_digest(reference) if ":" in reference else None
