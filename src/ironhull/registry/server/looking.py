"""What a look or two at the disk can tell is answered without a thread.

Most requests of a push ask for what is there. A `stat` takes microseconds, a thread's turn and the
way back to the event loop a hundred times as many. So such looks are done on the event loop itself,
but not while the disk is slow (a network's, a full queue): then one look would hold up everybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from ironhull.errors import InputError
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT
from ironhull.registry.server.contents import Contents, FoundBlob, FoundManifest
from ironhull.registry.server.names import is_tag

# Seconds that looks take on the average of about the last ten; longer is a slow disk. One alone may
# have waited for a processor.
_SLOW = 0.01
_SLOW_FOR = 2.0
# A manifest of more bytes is read, and its digest made, by a thread.
_SMALL = 1 << 16

_Found = TypeVar("_Found")


class Looks:
    """Where looks are done; one for a server. The event loop's alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slow_until = clock()
        self._usual = 0.0

    async def at(
        self, quick: Callable[[], _Found | None], thorough: Callable[[], _Found]
    ) -> _Found:
        """What `quick` gives at once; where it gives None, what `thorough` gives in a thread."""
        begun = self._clock()
        if begun >= self._slow_until:
            found = quick()
            ended = self._clock()
            self._usual += (ended - begun - self._usual) / 10
            if self._usual > _SLOW:
                self._slow_until, self._usual = ended + _SLOW_FOR, 0.0
            if found is not None:
                return found
        return await asyncio.to_thread(thorough)


def known_blob(contents: Contents, repository: str, digest: Digest) -> FoundBlob | None:
    """As `Contents.find_blob`, for a blob that was pushed there and whose age need not be renewed.

    None for all others, be they there or not.
    """
    if not contents.records.has_blob(repository, digest):
        return None
    path = contents.blobs.path(digest)
    try:
        status = path.stat()
    except OSError:
        return None
    if time.time() - status.st_mtime >= contents.limits.grace / 2:
        return None
    return FoundBlob(digest, path, status.st_size)


def known_manifest(contents: Contents, repository: str, reference: str) -> FoundManifest | None:
    """As `Contents.find_manifest`, for one that memory and a look at its records tell of."""
    if is_tag(reference):
        listing = contents.tags.known()
        tagged = listing.tags.get(repository, {}).get(reference) if listing else None
        if tagged is None or not contents.blobs.has(tagged.digest):
            return None
        return FoundManifest(tagged.digest, tagged.media_type, tagged.size)
    digest = Digest(reference)
    entry = contents.entries.kept(digest)
    media_type = contents.records.media_type(repository, digest) if entry is not None else None
    if entry is None or media_type is None or not contents.blobs.has(digest):
        return None
    return FoundManifest(digest, media_type, entry.size)


def known_bytes(
    contents: Contents, repository: str, reference: str
) -> tuple[FoundManifest, bytes] | None:
    """As `Contents.read_manifest`, for a small one of those."""
    found = known_manifest(contents, repository, reference)
    if found is None or found.size > _SMALL:
        return None
    try:
        return found, contents.blobs.read(found.digest, MAX_DOCUMENT)
    except InputError:
        return None
