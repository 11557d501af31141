"""Layer records on disk, by layer digest: a second image that shares a layer costs nothing.

<root>/<hex>.zst, written whole or not at all. A record of another format, or a damaged one, counts
as absent and is made again.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from pathlib import Path

import zstandard

from ironhull.errors import MalformedError
from ironhull.inventory.record import LayerRecord
from ironhull.store.files import replace_file

_MAX_RECORD = 2 << 30
_LEVEL = 1


class RecordCache:
    """Records of layers below one folder; some stay in memory too, of about `keep` bytes."""

    def __init__(self, root: Path, keep: int = 0) -> None:
        self.root = root
        self._free, self._largest = keep, keep // 8
        self._kept: OrderedDict[str, tuple[LayerRecord, int]] = OrderedDict()
        """Records and their sizes, what was asked for last at the end."""

    def path(self, digest: str) -> Path:
        """Where the record of a layer is or would be."""
        return self.root / f"{digest.removeprefix('sha256:')}.zst"

    def get(self, digest: str, diff_id: str | None) -> LayerRecord | None:
        """The record of the layer, or None. Its tar must be the one that the config means."""
        record = self._remembered(digest)
        if record is None:
            try:
                packed = self.path(digest).read_bytes()
                data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MAX_RECORD)
                record = LayerRecord.loads(data)
            except (OSError, zstandard.ZstdError, MalformedError):
                return None
            self._remember(digest, record, len(data) + record.names.expanded)
        return record if diff_id in (None, record.diff_id) else None

    def put(self, digest: str, record: LayerRecord) -> None:
        """Keep the record of a layer whose digests were verified."""
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        # It can be made again: nobody waits for the disk.
        replace_file(self.path(digest), compressor.compress(record.dumps()), durable=False)

    def _remembered(self, digest: str) -> LayerRecord | None:
        if digest not in self._kept:
            return None
        self._kept.move_to_end(digest)
        return self._kept[digest][0]

    def _remember(self, digest: str, record: LayerRecord, size: int) -> None:
        if size <= self._largest:
            record.names.keep()
            self._kept[digest] = record, size
            self._free -= size
            while self._free < 0:
                self._free += self._kept.popitem(last=False)[1][1]

    def clear(self) -> int:
        """Forget all records; returns how many there were."""
        count = 0
        for path in self.root.glob("*.zst"):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                count += 1
        return count
