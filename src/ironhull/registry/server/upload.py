"""One blob on its way in: a file that grows, and the digest of what is in it so far."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ironhull.oci.digest import Digest
from ironhull.registry.server.refusal import Refusal
from ironhull.store.blobs import CHUNK

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class Upload:
    """One upload. `busy` is true while a request writes to it; only that request may.

    `owner` is whose it is in the count of uploads. `once` says that its client knows no address to
    go on at: it sends everything in one request. The file is open only while the upload is busy,
    so that what is only begun costs no descriptor.
    """

    __slots__ = (
        "_descriptor", "_hashed", "_sha256",
        "busy", "id", "once", "owner", "path", "repository", "size",
    )  # fmt: skip

    def __init__(self, path: Path, repository: str, owner: str, *, once: bool) -> None:
        self.id = path.name
        self.path = path
        self.repository = repository
        self.owner = owner
        self.once = once
        self.busy = False
        self.size = 0
        self._descriptor = -1
        self._sha256 = hashlib.sha256()
        # Bytes of an earlier run of the server are hashed when somebody needs the digest.
        self._hashed = 0

    def open(self, *, create: bool = False) -> None:
        """Be ready to append; FileNotFoundError if somebody removed the file."""
        flags = _APPEND | (os.O_CREAT | os.O_EXCL if create else 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        size = os.fstat(self._descriptor).st_size
        if size != self.size:
            self._sha256, self._hashed, self.size = hashlib.sha256(), 0, size

    def close(self) -> None:
        """Not ready any more; what was written stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def append(self, pieces: Sequence[bytes]) -> None:
        """Write and hash; STORAGE_FULL leaves the upload as long as it was before."""
        for piece in pieces:
            view = memoryview(piece)
            try:
                # Unbuffered: what was taken is in the file, whatever happens to this process.
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self.size)
                if error.errno in _FULL:
                    raise Refusal("STORAGE_FULL", "the registry's disk is full") from None
                raise
            if self._hashed == self.size:
                self._sha256.update(piece)
                self._hashed += len(piece)
            self.size += len(piece)

    def cut(self, size: int) -> None:
        """Take back what was appended after `size` bytes."""
        os.ftruncate(self._descriptor, size)
        self._sha256, self._hashed, self.size = hashlib.sha256(), 0, size

    def digest(self) -> Digest:
        """The digest of all bytes so far; reads those of an earlier run."""
        if self._hashed < self.size:
            with self.path.open("rb") as file:
                file.seek(self._hashed)
                while data := file.read(CHUNK):
                    self._sha256.update(data)
                    self._hashed += len(data)
        return Digest(f"sha256:{self._sha256.hexdigest()}")

    def sync(self) -> None:
        """Readable by all, and on disk."""
        os.fchmod(self._descriptor, 0o644)
        os.fdatasync(self._descriptor)
