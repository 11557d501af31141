"""Asks the registry that a repository mirrors, and keeps what it gives: the work in threads.

Loaded only where something is mirrored: the client is half of what a server would load otherwise.
"""

from __future__ import annotations

from ironhull.errors import (
    InputError,
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.registry.client.access import Registries
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.referrers import list_referrers
from ironhull.registry.client.repository import Repository
from ironhull.registry.server.arriving import Arriving, Growing
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.entries import entry_of
from ironhull.registry.server.mirrored import KeptTag, MirrorRecords
from ironhull.registry.server.mirrors import Mirror
from ironhull.registry.server.publishing import store_manifest
from ironhull.registry.server.receiving import too_large
from ironhull.registry.server.records import sync_folder
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.uploads import Uploads
from ironhull.store.files import locked

_MAX_REFERRERS = 500
# Statuses of upstream that mean no more than "not now".
_LATER = frozenset({408, 425, 429}) | set(range(500, 600))


class RegistryUpstream:
    """`upstream_interface.Upstream` by the registry client."""

    def __init__(
        self,
        contents: Contents,
        uploads: Uploads,
        registries: Registries,
    ) -> None:
        self._contents, self._uploads = contents, uploads
        self._kept, self._registries = MirrorRecords(contents.records), registries

    def kept_tag(self, repository: str, tag: str) -> KeptTag | None:
        """A tag that was had, if its manifest is still here."""
        kept = self._kept.tag(repository, tag)
        if kept is None:
            return None
        digest = kept.descriptor.digest
        recorded = self._contents.records.media_type(repository, digest) is not None
        return kept if recorded and self._contents.blobs.has(digest) else None

    def bring_tag(self, repository: str, tag: str) -> Descriptor:
        """What upstream has under a tag now; NotFoundError if it has none, and it is forgotten."""
        upstream, kept = self._repository(repository), self.kept_tag(repository, tag)
        try:
            # A HEAD counts less with registries that count.
            if kept is not None and upstream.has_manifest(tag) == kept.descriptor.digest:
                self._kept.renew_tag(repository, tag)
                return kept.descriptor
            document = upstream.fetch_manifest(tag)
        except NotFoundError:
            self._kept.drop_tag(repository, tag)
            raise
        self._store(repository, document)
        found = Descriptor(document.media_type, document.digest, len(document.raw))
        self._kept.keep_tag(repository, tag, found)
        return found

    def bring_manifest(self, repository: str, digest: Digest) -> None:
        """A manifest by its digest."""
        self._store(repository, self._repository(repository).fetch_manifest(digest))

    def bring_referrers(self, repository: str, subject: Digest) -> int:
        """All manifests that refer to one, and the records that they do; how many.

        One that does not say so itself is left out: the list is upstream's word, the manifest is
        what was signed.
        """
        upstream, records = self._repository(repository), self._contents.records
        listed = list_referrers(upstream, subject)
        if len(listed) > _MAX_REFERRERS:
            raise NetworkError(f"{upstream}: more than {_MAX_REFERRERS} manifests refer to one")
        known = set(records.referrers(repository, subject))
        for item in listed:
            if item.digest not in known:
                self._store(repository, upstream.fetch_manifest(item.digest))
        for gone in known - {item.digest for item in listed}:
            records.drop_referrer(repository, subject, gone)
        # Whoever may read may ask of any digest: of what is not here nothing is written down.
        if listed or records.media_type(repository, subject) is not None:
            self._kept.keep_referrers_checked(repository, subject)
        return len(listed)

    def tags(self, repository: str) -> list[str]:
        """The list of tags upstream."""
        names = self._repository(repository).tags()
        self._kept.keep_names(repository, names)
        return names

    def blob_size(self, repository: str, digest: Digest) -> int:
        """Bytes of a blob upstream; Refusal where there is no room for it here."""
        size = self._repository(repository).blob_size(digest)
        if size > self._contents.limits.blob:
            raise too_large(self._contents.limits.blob)
        return size

    def bring_blob(self, repository: str, arriving: Arriving) -> None:
        """Fetch a blob into the store, and note that the repository has it."""
        digest, contents = arriving.digest, self._contents
        self._uploads.check_room(arriving.size)
        with contents.room_for(repository, arriving.size):
            contents.records.add_received(digest, new=not contents.blobs.has(digest))
            # Only the digest and what upstream says is known here, not what a manifest says of it.
            wanted = Descriptor("application/octet-stream", digest, arriving.size)
            growing = Growing(contents.blobs.root, arriving)
            self._repository(repository).fetch_blob(wanted, growing, arriving.grown)
            sync_folder(contents.blobs.path(digest).parent)
            contents.records.add_blob(repository, digest)

    def said(
        self, mirror: Mirror, error: Exception, missing: str = "MANIFEST_UNKNOWN"
    ) -> Exception:
        """The answer for what went wrong; other errors stay what they are.

        What upstream said, or whomever it sent us to, and which file has our login is the log's:
        it may be of what only this machine reaches.
        """
        words = f"mirror of {mirror.upstream}: {error}"
        if isinstance(error, Refused):
            words = f"mirror of {mirror.upstream}: it answered {error.status}"
        match error:
            case Refusal():
                return error
            case NotFoundError():
                return Refusal(missing, words)
            case Refused(status=401 | 403):
                return Refusal("DENIED", words)
            case Refused(status=429):
                wait = str(max(1, round(error.wait)))
                return Refusal("TOOMANYREQUESTS", words, headers={"retry-after": wait})
            case Refused() if error.status not in _LATER:
                return Refusal("UPSTREAM_INVALID", words)
            case NetworkError():
                return Refusal("UPSTREAM_UNAVAILABLE", words, headers={"retry-after": "10"})
            case UntrustedError() | MalformedError():
                return Refusal("UPSTREAM_INVALID", words)
            case InputError():  # a login that cannot be read, an authority that is none
                words = f"mirror of {mirror.upstream}: it cannot be asked, see the log"
                return Refusal("UPSTREAM_UNAVAILABLE", words)
            case _:
                return error

    def stop(self) -> None:
        """Let what goes on end soon."""
        self._registries.stop.set()

    def close(self) -> None:
        """Let all connections go."""
        self._registries.close()

    def _store(self, repository: str, document: Document) -> None:
        entry = entry_of(document)
        with locked(self._contents.sweep_lock, shared=True):
            store_manifest(self._contents, repository, entry, document.raw)

    def _repository(self, repository: str) -> Repository:
        mirror = self._contents.rules.mirror(repository)
        source = mirror.source(repository) if mirror is not None else None
        if source is None:
            raise NotFoundError(f"{repository} is not mirrored")
        return self._registries.repository(source)
