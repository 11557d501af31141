"""Stores that an earlier version served: what their records did not say is added once.

Format 1 did not record which manifests the store itself had under a repository's name before their
tag moved on (`_built` of `records`). Of a manifest that was pushed every part was pushed or mounted
before it and so is recorded; of one that a build put into index.json no part is.
"""

from __future__ import annotations

from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.records import sync_folder
from ironhull.store.files import locked, replace_file

_FORMAT = 2


def bring_up_to_date(contents: Contents) -> None:
    """Add what the records of an earlier version lack; MalformedError if they are later."""
    path = contents.records.root / "format"
    with locked(contents.sweep_lock):
        found = _format(path.read_text(errors="replace") if path.exists() else "1")
        if found > _FORMAT:
            raise MalformedError(
                f"{path}: format {found}, this version knows {_FORMAT} (use a newer ironhull)"
            )
        if found == _FORMAT:
            return
        for repository in list(contents.records.repositories()):
            for digest in list(contents.records.manifests(repository)):
                if _came_from_a_build(contents, repository, digest):
                    contents.records.add_built(repository, digest)
        replace_file(path, f"{_FORMAT}\n".encode())
        sync_folder(path.parent)


def _format(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else _FORMAT + 1


def _came_from_a_build(contents: Contents, repository: str, digest: Digest) -> bool:
    records = contents.records
    entry = contents.entries.get(digest, records.media_type(repository, digest))
    if entry is None:
        return False
    pushed = [records.media_type(repository, child) is not None for child in entry.manifests]
    pushed += [records.has_blob(repository, blob) for blob in entry.blobs]
    return bool(pushed) and not any(pushed)
