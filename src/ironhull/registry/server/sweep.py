"""Garbage collection: removes what came in through this server and belongs to nothing any more.

1. Uploads that nobody continues.
2. Per repository, records of blobs that no manifest of it refers to, once they are older than the
   grace time (a push records its blobs first and its manifest last).
3. Blobs that this server received, that no repository records and no manifest of the layout refers
   to, and that are older than the grace time. The last look and the removal are one step under the
   sweep lock; a push that is told "there already" renews a blob's age under the same lock.

4. Files that a process left half written when it was killed, older than the grace time.

A blob that was in the layout before it was pushed is never removed: a build may count on it.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.uploads import Uploads
from ironhull.store.files import locked

# The names that store.blobs and store.files give to what is not finished.
_TEMPORARY_BLOB = re.compile(r"\d+-[0-9a-f]{16}")
_TEMPORARY_FILE = re.compile(r"\..+\.\d+-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did; `bytes` is what the disk got back."""

    uploads: int
    records: int
    blobs: int
    leftovers: int
    bytes: int

    def json(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def sweep(contents: Contents, uploads: Uploads, now: float | None = None) -> Swept:
    """Collect once; safe beside running pushes and builds."""
    now = time.time() if now is None else now
    expired = uploads.expire(now)  # 1
    records = 0
    for repository in contents.records.repositories():  # 2
        records += _sweep_records(contents, repository, now)
    blobs = size = 0
    received = [item for item in contents.records.received() if _old(contents, item[1], now)]
    # What was listed before the marking is not new, so the marking cannot miss its manifest.
    used = _used(contents)
    gone: set[Digest] = set()
    for digest in {digest: None for digest, _ in received}:  # 3
        freed = _remove_blob(contents, digest, used, now)
        if freed is not None:
            blobs, size = blobs + 1, size + freed
        if freed is not None or not contents.blobs.has(digest):
            gone.add(digest)
    contents.records.shorten_received(gone, now - contents.limits.grace)
    leftovers, freed_bytes = _sweep_leftovers(contents, now)  # 4
    return Swept(expired, records, blobs, leftovers, size + freed_bytes)


def _old(contents: Contents, when: float, now: float) -> bool:
    return now - when > contents.limits.grace


def _sweep_records(contents: Contents, repository: str, now: float) -> int:
    removed = 0
    old = [item for item in contents.records.blobs(repository) if _old(contents, item[1], now)]
    for digest, _ in old:
        with locked(contents.sweep_lock):
            if digest in contents.members(repository).named:
                continue
            path = contents.blobs.path(digest)
            # HEAD renews the blob's age, not the record's.
            if path.exists() and not _old(contents, path.stat().st_mtime, now):
                continue
            removed += contents.records.drop_blob(repository, digest)
    return removed


def _sweep_leftovers(contents: Contents, now: float) -> tuple[int, int]:
    """Files and bytes removed."""
    root = contents.layout.root
    places = [(root / "tmp", _TEMPORARY_BLOB), (root, _TEMPORARY_FILE)]
    places += [(Path(folder), _TEMPORARY_FILE) for folder, _, _ in os.walk(contents.records.root)]
    count = size = 0
    for folder, pattern in places:
        for entry in _files(folder):
            if not pattern.fullmatch(entry.name):
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if _old(contents, status.st_mtime, now):
                    Path(entry.path).unlink()
                    count, size = count + 1, size + status.st_size
    return count, size


def _files(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _used(contents: Contents) -> set[Digest]:
    """Everything that any repository or any entry of index.json needs."""
    used: set[Digest] = set()
    for repository in {*contents.repositories(), *contents.records.repositories()}:
        members = contents.members(repository)
        used |= members.manifests | members.named
        used |= {digest for digest, _ in contents.records.blobs(repository)}
    open_digests = [item.digest for item in contents.layout.descriptors()]
    while open_digests:
        digest = open_digests.pop()
        used.add(digest)
        entry = contents.entries.get(digest)
        if entry is not None:
            used.update(entry.blobs + entry.foreign)
            open_digests += [child for child in entry.manifests if child not in used]
    return used


def _remove_blob(contents: Contents, digest: Digest, used: set[Digest], now: float) -> int | None:
    """Bytes freed; None if the blob is in use or new."""
    if digest in used:
        return None
    with locked(contents.sweep_lock):
        path = contents.blobs.path(digest)
        try:
            status = path.stat()
        except FileNotFoundError:
            contents.records.drop_received(digest)
            return None
        if not _old(contents, status.st_mtime, now):
            return None
        contents.blobs.remove(digest)
        contents.records.drop_received(digest)
        contents.entries.forget(digest)
        return status.st_size
