"""Whether a registry takes a small blob in one request (distribution-spec, end-4b), by trying.

In the same way: whether it gives a manifest several tags in one (end-7b).

The specification lets a registry answer such a POST as if it began an upload. Then its body went
for nothing, so one blob tries and the others wait for what it learns; and the first blob of a
session goes as every registry takes it: most pushes that have no other one need nothing learned.
"""

from __future__ import annotations

import threading

LARGEST = 1 << 17
"""Bytes that are sent this way at most: as much as a server that does not look at a body still
reads of it, so that the connection stays."""


class AtOnce:
    """What one session knows of its registry; call it from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs = 0
        self._takes: bool | None = None
        self._trying = False

    def may(self, size: int) -> bool:
        """Whether to send a blob of so many bytes in one request; then `learned` has to be told."""
        with self._lock:
            if size > LARGEST:
                return False
            self._blobs += 1
            if self._takes is None and self._blobs > 1 and not self._trying:
                self._trying = True
                return True
            return bool(self._takes)

    def learned(self, takes: bool) -> None:
        """How it went: whoever fails at it once is not asked again."""
        with self._lock:
            self._trying, self._takes = False, takes
