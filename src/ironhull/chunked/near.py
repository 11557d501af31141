"""Files' frames in the chunked layers that are on this machine already, by their content."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from ironhull.chunked.format import TAIL, footer_table
from ironhull.chunked.table import read_table
from ironhull.errors import InputError
from ironhull.oci.digest import Digest
from ironhull.store.blobs import BlobStore

_MAX_FRAMES = 2_000_000


class NearFrame(NamedTuple):
    """Bytes of a blob of a store."""

    blobs: BlobStore
    blob: Digest
    offset: int
    size: int


class NearFrames:
    """Finds frames in the blobs of stores, which are looked through when it is asked first.

    By the layers' own footers, so that no manifest has to be known. Safe for several threads.
    """

    def __init__(self, stores: Iterable[BlobStore]) -> None:
        self._stores = tuple(stores)
        self._found: dict[tuple[Digest, int], NearFrame] | None = None
        self._lock = threading.Lock()

    def find(self, content: Digest, size: int) -> NearFrame | None:
        """A frame of this size that decompresses to the content, if a layer here says so."""
        with self._lock:
            if self._found is None:
                self._found = {}
                for store in self._stores:
                    for blob in store:
                        self._look(store, blob, self._found)
            return self._found.get((content, size))

    def _look(
        self, store: BlobStore, blob: Digest, found: dict[tuple[Digest, int], NearFrame]
    ) -> None:
        # What is damaged or went meanwhile is not here: then its bytes are fetched.
        try:
            size = store.size(blob)
            with store.open(blob) as file:
                if size <= TAIL:
                    return
                file.seek(size - TAIL)
                part = footer_table(file.read(TAIL), size)
                if part is None:
                    return
                file.seek(part.offset)
                frames = read_table(file.read(part.size), part, None, f"blob {blob}")
        except (InputError, OSError):
            return
        for one in frames:
            if len(found) >= _MAX_FRAMES:
                return
            place = NearFrame(store, blob, one.offset, one.end - one.offset)
            found.setdefault((one.content, place.size), place)
