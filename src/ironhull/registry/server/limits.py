"""What the server bounds, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.oci.document import MAX_DOCUMENT


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    blob: int = 16 * 10**9
    manifest: int = MAX_DOCUMENT
    # Unfinished uploads at one time; those idle for longer than `upload_age` are collected.
    uploads: int = 256
    upload_age: float = 24 * 3600
    # A client that sends nothing for `idle`, or less than `slowest` bytes a second over
    # `patience` seconds, is told to come back; what it sent of a blob is kept for a resume.
    idle: float = 60
    slowest: int = 1024
    patience: float = 120
    # Blobs that nothing refers to stay this long: a push may be about to refer to them.
    grace: float = 24 * 3600
    sweep_every: float = 3600
    # Entries of one answer; the rest is behind its Link header.
    page: int = 10_000
    # Room on the disk that uploads may not take.
    reserve: int = 64 * 1024 * 1024
