"""Small blobs and manifests of one push, gathered and sent many at a time (`registry.together`).

Each goes after what was gathered before it, so that the order of a push stays what it is. Where the
registry refuses a request of many, each part goes by itself: then it says what is wrong with which.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.repository import Repository
from ironhull.registry.client.transfer import can_go_without_referrers
from ironhull.registry.together import MAX_BYTES, MAX_PARTS, Part

LARGEST = 1 << 20
"""Bytes of a part: what is larger is worth a request of its own."""
_MOST_BYTES = MAX_BYTES // 2
_MOST_PARTS = MAX_PARTS // 2
_LACKS = "MANIFEST_BLOB_UNKNOWN"
_NOT_KNOWN = frozenset({404, 405, 413, 501})


class Gathering:
    """What waits to be sent to a repository; call it from any thread.

    `mend` is called where the repository lacks parts that are not sent here; True: it has them now.
    """

    def __init__(self, repository: Repository, mend: Callable[[], bool] = lambda: False) -> None:
        self._repository, self._mend = repository, mend
        self._lock = threading.Lock()
        self._waiting: list[tuple[Part, Document | Descriptor]] = []
        self._size = 0

    def takes(self, size: int) -> bool:
        """Whether a part of so many bytes is gathered; else it goes by itself, after `send`."""
        return size <= LARGEST and (self._repository.session.together or bool(self._waiting))

    def blob(self, descriptor: Descriptor, data: bytes) -> None:
        """Send a blob of which the repository may have nothing yet."""
        self._add(Part(descriptor.digest, data), descriptor)

    def manifest(self, document: Document) -> None:
        """Send a manifest whose parts are there, or were gathered."""
        self._add(Part(document.digest, document.raw, document.media_type), document)

    def name(self, document: Document, tags: Sequence[str], match: str | None = None) -> bool:
        """Let a manifest have tags when all is sent (`together.Part`), if it is still waiting."""
        with self._lock:
            for number, (part, what) in enumerate(self._waiting):
                if what is document:
                    named = replace(part, tags=tuple(tags), match=match)
                    self._waiting[number] = named, what
                    return True
            return False

    def send(self) -> frozenset[str]:
        """Send what waits, and the tags given; errors as of `push_blob` and `push_manifest`."""
        with self._lock:
            return self._send()

    def _add(self, part: Part, what: Document | Descriptor) -> None:
        with self._lock:
            self._waiting.append((part, what))
            self._size += len(part.data)
            if self._size >= _MOST_BYTES or len(self._waiting) >= _MOST_PARTS:
                self._send()

    def _send(self) -> frozenset[str]:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return frozenset()
        parts = [part for part, _ in waiting]
        try:
            try:
                return self._repository.push_together(parts)
            except Refused as error:
                if _LACKS not in error.codes or not self._mend():
                    raise
            return self._repository.push_together(parts)
        except Refused as error:
            if error.status in _NOT_KNOWN and _LACKS not in error.codes:
                self._repository.session.together = False
            for part, what in waiting:
                self._alone(part, what)
            return frozenset()

    def _alone(self, part: Part, what: Document | Descriptor) -> None:
        if isinstance(what, Descriptor):
            self._repository.push_blob(what, partial(BytesIO, part.data), ask=False)
        elif what.subject is None:
            self._repository.push_manifest(what)
        else:
            with can_go_without_referrers():
                self._repository.push_manifest(what)
