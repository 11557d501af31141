"""Referrers of a manifest in a registry: the API, and the tag that stands in where it is missing.

Without the API (distribution-spec, "Referrers Tag Schema") an index under the tag `sha256-<hex>`
lists them, and clients keep it up to date: read, add, write, and look whether it stayed.
"""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

from ironhull.errors import MalformedError, NetworkError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.pages import pages
from ironhull.registry.client.repository import Repository
from ironhull.store.referrers import referrer_descriptor

_MAX_REFERRERS = 10_000
_ROUNDS = 6
# What registries answer to a path that they do not know.
_NO_API = frozenset({400, 404, 405, 406, 501})


def fallback_tag(digest: Digest) -> str:
    """The tag under which registries without the API keep the referrers of a digest."""
    return f"sha256-{hex_of(digest)}"


def list_referrers(
    repository: Repository, digest: Digest, artifact_type: str | None = None
) -> list[Descriptor]:
    """Descriptors of what refers to the digest, of one artifact type if one is given."""
    found = _by_api(repository, digest, artifact_type)
    if found is None:
        index = _fallback(repository, digest)
        found = list(index.manifests) if index is not None else []
    if artifact_type is not None:
        found = [item for item in found if item.artifact_type == artifact_type]
    return list({item.digest: item for item in found}.values())


def push_referrer(repository: Repository, document: Document) -> None:
    """Push a manifest that has a subject, and see to it that it is found through its subject.

    NetworkError if others keep overwriting the list.
    """
    subject = document.subject
    if repository.push_manifest(document) or subject is None:
        return
    shown = referrer_descriptor(document)
    wire = repository.session.wire
    for attempt in range(_ROUNDS):
        index = _fallback(repository, subject.digest)
        if index is not None and any(item.digest == shown.digest for item in index.manifests):
            return
        updated = _with(index, shown)
        if len(updated.raw) > MAX_DOCUMENT:
            raise NetworkError(
                f"{repository}: the list of referrers of {subject.digest} would exceed "
                f"{MAX_DOCUMENT} bytes; delete some, or use a registry with the referrers API"
            )
        repository.push_manifest(updated, fallback_tag(subject.digest))
        # Another client may have written between our read and our write: look again, later each
        # time, and by chance not when the other does.
        if attempt:
            wire.pause(random.uniform(0.2, 0.8) * wire.patience.first_wait * attempt)  # noqa: S311
    index = _fallback(repository, subject.digest)
    if index is None or all(item.digest != shown.digest for item in index.manifests):
        raise NetworkError(
            f"{repository}: the list of referrers of {subject.digest} is overwritten by others "
            f"as soon as {document.digest} is in it; push again when they are done"
        )


def _by_api(
    repository: Repository, digest: Digest, artifact_type: str | None
) -> list[Descriptor] | None:
    """None if the registry has no referrers API."""
    query = "?" + urlencode({"artifactType": artifact_type}) if artifact_type else ""
    path = f"/v2/{repository.name}/referrers/{digest}{query}"
    found: list[Descriptor] = []
    try:
        for answer, value in pages(
            repository.session, repository.scope, path, what="referrers", accept=OCI_INDEX
        ):
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != OCI_INDEX:
                return None
            items = value.get("manifests")
            if isinstance(items, list):
                found += [Descriptor.from_json(item) for item in items]
            if len(found) > _MAX_REFERRERS:
                raise NetworkError(f"{repository}: more than {_MAX_REFERRERS} referrers")
    except Refused as error:
        if error.status in _NO_API:
            return None
        raise
    return found


def _fallback(repository: Repository, digest: Digest) -> Document | None:
    try:
        document = repository.fetch_manifest(fallback_tag(digest))
    except NotFoundError:
        return None
    if not document.is_index:
        raise MalformedError(f"{repository}:{fallback_tag(digest)} is not an index of referrers")
    return document


def _with(index: Document | None, shown: Descriptor) -> Document:
    value: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    if index is not None:
        value |= index.value
        value["mediaType"] = OCI_INDEX
    value["manifests"] = [*value["manifests"], shown.json()]
    return Document.of(value)
