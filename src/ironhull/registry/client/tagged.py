"""What cosign's older form attaches to an image: manifests without a subject, under tags.

`sha256-<hex>.sig` has signatures, `.att` statements, `.sbom` SBOMs, a layer each. No list of
referrers has them; who looks for them asks for these names, and who copies has to as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ironhull.errors import NotFoundError
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import Document
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.parallel import ask_all
from ironhull.registry.client.repository import Repository
from ironhull.transport.stop import Stop

_SUFFIXES = ("sig", "att", "sbom")
_MOST = 100
"""Images that are asked for: of an index with more the last, itself among them."""


def tagged_for(
    repository: Repository, digests: Sequence[Digest], stop: Stop
) -> Mapping[str, Document]:
    """What a repository has of the older form for any of these digests, by tag."""
    tags = [
        f"sha256-{hex_of(digest)}.{suffix}"
        for digest in digests[-_MOST:]
        if digest.startswith("sha256:")
        for suffix in _SUFFIXES
    ]
    there = ask_all([partial(_has, repository, tag) for tag in tags], stop)
    return {
        tag: repository.fetch_manifest(tag) for tag, has in zip(tags, there, strict=True) if has
    }


def give_tag(repository: Repository, document: Document, tag: str) -> None:
    """Give a manifest of the older form its tag, unless what is there has more than it.

    Signatures that others added there would be lost: then it stays, and that is said.
    """
    try:
        there = repository.fetch_manifest(tag)
    except NotFoundError:
        there = None
    if there is not None and there.digest == document.digest:
        return
    if there is not None and not _layers(there) <= _layers(document):
        repository.session.exchange.progress.note(
            f"{repository}:{tag} has what the source's has not, and stays as it is"
        )
        return
    repository.push_manifest(document, tag)


def _layers(document: Document) -> set[Digest]:
    parts = document.manifests if document.is_index else document.layers
    return {part.digest for part in parts}


def _has(repository: Repository, tag: str) -> bool:
    try:
        return repository.has_manifest(tag) is not None
    except Refused:
        # Whoever may read an image need not be let to ask for a name that nothing has.
        return False
