"""What of an image a registry of Ironhull's has, with what refers to it: asked by a few requests.

Such a registry takes a manifest only when it has its parts, and lets none of them go before it. So
whose manifest it lists it has whole; of other registries nobody knows, and each part is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from functools import partial

from ironhull.errors import MalformedError, NotFoundError, UntrustedError
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.parallel import ask_all
from ironhull.registry.client.referrers import list_referrers
from ironhull.registry.client.repository import Repository
from ironhull.transport.stop import Stop
from ironhull.values import dataclass

_PLATFORMS = 16


@dataclass(frozen=True, slots=True)
class Held:
    """What need not be sent; nothing: it is not known, and asked for part by part."""

    manifests: frozenset[Digest] = field(default=frozenset())
    blobs: frozenset[Digest] = field(default=frozenset())


def held_of(
    repository: Repository, images: Sequence[Document], referrers: Sequence[Document], stop: Stop
) -> Held:
    """What a repository that has these images has of them, and of these that refer to them."""
    # Of referrers too: an SBOM may be signed in its turn.
    subjects = dict.fromkeys(each.subject.digest for each in referrers if each.subject)
    lists = [partial(list_referrers, repository, each) for each in subjects]
    try:
        listed = {item.digest for found in ask_all(lists, stop) for item in found}
    except Refused:
        # Whoever may write need not be let to read.
        return Held()
    there = [*images, *(each for each in referrers if each.digest in listed)]
    return Held(frozenset(each.digest for each in there), _parts(there))


def held_under(repository: Repository, tag: str, stop: Stop) -> Held:
    """The blobs of the image that a tag is at, of all its platforms unless these are many."""
    try:
        root = repository.fetch_manifest(tag)
        entries = root.manifests[:_PLATFORMS] if root.is_index else ()
        images = ask_all(
            [partial(repository.fetch_manifest, each.digest, each) for each in entries], stop
        )
        return Held(blobs=_parts([root, *images]))
    except (Refused, NotFoundError, MalformedError, UntrustedError):
        # The first of its tag, or one that somebody spoilt: nothing is known.
        return Held()


def _parts(documents: Sequence[Document]) -> frozenset[Digest]:
    return frozenset(
        part.digest
        for each in documents
        if not each.is_index
        for part in (each.config, *each.layers)
        if not part.extra.get("urls")
    )
