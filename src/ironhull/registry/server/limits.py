"""What the server bounds, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.oci.document import MAX_DOCUMENT


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    blob: int = 16 * 10**9
    manifest: int = MAX_DOCUMENT
    # Unfinished uploads at one time, of all and of one user (or address) or repository: nobody
    # can leave no room for the others. Those at rest for `upload_age` are collected, and for
    # `upload_rest` if somebody needs the room.
    uploads: int = 1024
    uploads_of_owner: int = 256
    uploads_of_repository: int = 512
    upload_age: float = 24 * 3600
    upload_rest: float = 120
    expire_every: float = 60
    # A client that sends nothing for `idle`, or less than `slowest` bytes a second over
    # `patience` seconds, is told to come back; what it sent of a blob is kept for a resume.
    idle: float = 60
    slowest: int = 1024
    patience: float = 120
    # Connections of one address; where there is little room, a quarter of it.
    connections_of_address: int = 2048
    # A round trip in seconds up to which a client is near, bytes on their way to such a one, and
    # how many blobs are sent to such at one time in large pieces: 5 MB of memory each.
    near: float = 0.0002
    near_buffer: int = 1_000_000
    bursts: int = 4
    # Blobs that nothing refers to stay this long: a push may be about to refer to them.
    grace: float = 24 * 3600
    sweep_every: float = 3600
    # Entries of one answer; the rest is behind its Link header.
    page: int = 10_000
    # Room on the disk that uploads may not take.
    reserve: int = 64 * 1024 * 1024

    @classmethod
    def of(cls, blob: int, uploads: int, grace: float) -> Limits:
        """Limits with room for so many uploads: a quarter of one user, half in one repository.

        `blob` in bytes; uploads at rest and blobs that nothing refers to go after `grace` seconds.
        """
        return cls(
            blob=blob,
            uploads=uploads,
            uploads_of_owner=max(1, uploads // 4),
            uploads_of_repository=max(1, uploads // 2),
            upload_age=grace,
            grace=grace,
        )
