"""Referrers of a manifest in a registry: the API, and the tag that stands in where it is missing.

Without the API (distribution-spec, "Referrers Tag Schema") an index under the tag `sha256-<hex>`
lists them, and clients keep it up to date: read, add, write, and look whether it stayed. Each is
listed with its type and annotations, which others filter by (docs/compatibility.md,
*list by type*).
"""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from functools import partial
from typing import Any
from urllib.parse import urlencode

from ironhull.errors import MalformedError, NetworkError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.pages import NoListError, pages
from ironhull.registry.client.parallel import ask_all
from ironhull.registry.client.repository import Repository
from ironhull.store.referrers import referrer_descriptor

_MAX_REFERRERS = 10_000
_ROUNDS = 6
_NO_REFERRERS = "taken for a registry without referrers"
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


def keeps_referrers(repository: Repository, digest: Digest) -> bool:
    """Whether the registry lists referrers itself; else clients read the referrers tag."""
    return _by_api(repository, digest, None) is not None


def push_referrers(repository: Repository, documents: Sequence[Document]) -> None:
    """Push manifests that have a subject, and see to it that they are found through it.

    NetworkError if others keep overwriting the list.
    """
    list_under_tags(repository, [item for item in documents if not repository.push_manifest(item)])


def list_under_tags(
    repository: Repository, documents: Sequence[Document], new: Set[Digest] = frozenset()
) -> None:
    """List pushed manifests where a registry without the referrers API keeps them.

    `new` are subjects that the registry did not have before: their lists are looked at again too,
    but at once, since nobody else had anything to refer to.
    """
    by_subject: dict[Digest, list[Descriptor]] = {}
    for document in documents:
        if document.subject is not None:
            shown = by_subject.setdefault(document.subject.digest, [])
            shown.append(referrer_descriptor(document))
    exchange = repository.session.exchange
    for attempt in range(_ROUNDS + 1):
        last = attempt == _ROUNDS
        look = [
            partial(_list_under_tag, repository, subject, shown, write=not last)
            for subject, shown in by_subject.items()
        ]
        absents = ask_all(look, exchange.stop)
        missing = {
            subject: absent for subject, absent in zip(by_subject, absents, strict=True) if absent
        }
        if not missing:
            return
        if last:
            subject, absent = next(iter(missing.items()))
            raise NetworkError(
                f"{repository}: the list of referrers of {subject} is overwritten by others "
                f"as soon as {absent[0].digest} is in it; push again when they are done"
            )
        by_subject = {subject: by_subject[subject] for subject in missing}
        # Another client may have read what we read and write after us: look again when it has,
        # each time after a longer while, and not in step with it. Once for all subjects.
        if attempt or not by_subject.keys() <= new:
            wait = random.uniform(0.5, 1.0) * exchange.patience.first_wait  # noqa: S311
            exchange.pause(wait * (attempt + 1))


def _list_under_tag(
    repository: Repository, subject: Digest, shown: Sequence[Descriptor], *, write: bool
) -> list[Descriptor]:
    """What the list of a subject lacked; it is added, if `write`."""
    index = _fallback(repository, subject)
    listed = {item.digest for item in index.manifests} if index is not None else set()
    missing = [item for item in shown if item.digest not in listed]
    if missing and write:
        updated = _with(index, missing)
        if len(updated.raw) > MAX_DOCUMENT:
            raise NetworkError(
                f"{repository}: the list of referrers of {subject} would exceed "
                f"{MAX_DOCUMENT} bytes; delete some, or use a registry with the referrers API"
            )
        repository.push_manifest(updated, fallback_tag(subject))
    return missing


def _by_api(
    repository: Repository, digest: Digest, artifact_type: str | None
) -> list[Descriptor] | None:
    """None if the registry has no referrers API."""
    if repository.lists_by_tag:
        return None
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
            # A path that the registry has no words for: it need not be asked again.
            repository.lists_by_tag = not (found or error.codes)
            return None
        raise
    except NoListError as error:
        if found:
            raise
        repository.session.exchange.progress.note(
            f"{error}; taken for a registry without referrers"
        )
        return None
    return found


def _fallback(repository: Repository, digest: Digest) -> Document | None:
    try:
        document = repository.fetch_manifest(fallback_tag(digest))
    except NotFoundError:
        return None
    where = f"{repository}:{fallback_tag(digest)}"
    if document.digest == digest:
        # The registry reads the tag as a digest, or cosign's `copy` put the image under it: what is
        # there says nothing of referrers.
        repository.session.exchange.progress.note(f"{where} is {digest} itself; {_NO_REFERRERS}")
        return None
    if not document.is_index:
        raise MalformedError(f"{where} is not an index of referrers")
    return document


def _with(index: Document | None, missing: Sequence[Descriptor]) -> Document:
    value: dict[str, Any] = {"schemaVersion": 2, "manifests": []}
    if index is not None:
        value |= index.value
    value["mediaType"] = OCI_INDEX
    value["manifests"] = [*value["manifests"], *(item.json() for item in missing)]
    return Document.of(value)
