"""A tar that lies in a file: what of it nobody asks for is passed over, not read."""

from __future__ import annotations

import os
from typing import BinaryIO

from ironhull.oci.tar import TarLimits, TarReader

_CHUNK = 1 << 16
"""Enough for the headers of many small members; of a large one no more is read in vain."""


def headers_of(file: BinaryIO, where: str, limits: TarLimits | None = None) -> TarReader:
    """The members of a plain tar, from the file's position on; the file has to be seekable.

    Errors are those of TarReader.
    """
    chunks = iter(lambda: file.read(_CHUNK), b"")
    end = os.fstat(file.fileno()).st_size

    def pass_over(size: int) -> int:
        passed = min(size, max(0, end - file.tell()))
        file.seek(passed, os.SEEK_CUR)
        return passed

    return TarReader(chunks, where, limits, pass_over)
