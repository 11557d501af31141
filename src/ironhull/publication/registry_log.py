"""The record in a registry: an artifact under a tag of its own, a layer for each tile.

A plain tag, because every registry has those: referrers are an API that some lack, and of which
one asks by an image's digest. Only the newest tile is new at each publication.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from io import BytesIO

from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from ironhull.publication.log_tag import LOG_TAG
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.tiles import MAX_TILE, Lines, check_sizes, pack, tile_name, unpack
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.repository import Repository

LOG_TYPE = "application/vnd.ironhull.publications.v1"
TILE_TYPE = "application/vnd.ironhull.publications.tile.v1+jsonl"
_TITLE = "org.opencontainers.image.title"
_EMPTY = b"{}"


def fetch_log(repository: Repository, ours: Sequence[bytes] = ()) -> Lines | None:
    """The records of a repository, none verified; None where there are none.

    `ours` is what is known: tiles that are the same are not fetched. LogRefusedError for something
    else under the tag, and for more than is read.
    """
    try:
        manifest = repository.fetch_manifest(LOG_TAG)
    except NotFoundError:
        return None
    return read_log(repository, manifest, ours)


def read_log(repository: Repository, manifest: Document, ours: Sequence[bytes] = ()) -> Lines:
    """The records whose tiles a manifest names, and that the repository has; as `fetch_log`."""
    where = f"{repository}:{LOG_TAG}"
    if manifest.is_index or manifest.value.get("artifactType") != LOG_TYPE:
        raise LogRefusedError(
            LogReason.WRONG_LAYOUT,
            f"{where}: {manifest.digest} is not a record of publications, and this tag is for that "
            "alone",
        )
    layers = manifest.layers
    check_sizes([layer.size for layer in layers], where)
    if any(layer.media_type != TILE_TYPE for layer in layers):
        raise LogRefusedError(LogReason.WRONG_LAYOUT, f"{where}: a layer that is no {TILE_TYPE}")
    known: dict[Digest, bytes] = {digest_of(tile): tile for tile in pack(ours)}
    return unpack(
        [known.get(layer.digest) or repository.read_blob(layer, MAX_TILE) for layer in layers],
        where,
    )


def store_log(repository: Repository, lines: Sequence[bytes], there: Sequence[bytes] = ()) -> None:
    """Let a repository have these records: the tiles that it lacks, then the tag.

    `there` is what it has, as it was just fetched: nothing of that is asked for again.
    """
    if tuple(there) != tuple(lines):
        _push(repository, lacking(lines, there), ask=not there)
        repository.push_manifest(log_manifest(pack(lines)), LOG_TAG)


def swap_log(
    repository: Repository, lines: Sequence[bytes], there: Sequence[bytes], left: Sequence[bytes]
) -> bool:
    """The same in a registry that knows conditions; False if it has something else by now.

    `left` are those of the blobs it lacked (`lacking`) that it still does.
    """
    if tuple(there) == tuple(lines):
        return True
    document, before = manifests_of(lines, there)
    condition = {"if-match": f'"{before}"'} if before else {"if-none-match": "*"}
    _push(repository, left, ask=not there)
    try:
        repository.push_manifest(document, LOG_TAG, condition)
    except Refused as error:
        if error.status == HTTPStatus.PRECONDITION_FAILED:
            return False
        raise
    return True


def manifests_of(lines: Sequence[bytes], there: Sequence[bytes]) -> tuple[Document, Digest | None]:
    """The manifest of records, and the digest of the one that it is to replace, if there is one."""
    return log_manifest(pack(lines)), log_manifest(pack(there)).digest if there else None


def lacking(lines: Sequence[bytes], there: Sequence[bytes]) -> list[bytes]:
    """The blobs of records that a registry lacks which has some of them, or none."""
    # Tiles have one form alone (`unpack`), so those of the same records are the same blobs.
    held = {_EMPTY, *pack(there)} if there else set()
    return [data for data in (_EMPTY, *pack(lines)) if data not in held]


def _push(repository: Repository, blobs: Sequence[bytes], *, ask: bool) -> None:
    for data in blobs:
        descriptor = Descriptor(TILE_TYPE, digest_of(data), len(data))
        repository.push_blob(descriptor, partial(BytesIO, data), ask=ask)


def log_manifest(tiles: Sequence[bytes]) -> Document:
    """The manifest of tiles; no time in it: the same records give the same bytes.

    By their titles `oras pull` writes the files that `publication.folder` reads.
    """
    return Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": LOG_TYPE,
            "config": Descriptor(OCI_EMPTY, digest_of(_EMPTY), len(_EMPTY)).json(),
            "layers": [
                Descriptor(
                    TILE_TYPE, digest_of(tile), len(tile), {_TITLE: tile_name(number)}
                ).json()
                for number, tile in enumerate(tiles)
            ],
        }
    )
