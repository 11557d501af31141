"""A folder of blobs, `<root>/sha256/<hex>`: the `blobs` folder of an OCI image layout.

A blob appears whole or not at all: it is written under a name of its own in `<root>/../tmp` and
renamed when its digest is known. Two processes that write the same blob both succeed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ironhull.errors import EnvironmentProblem, NotFoundError, UntrustedError
from ironhull.oci.digest import Digest, digest_of, hex_of
from ironhull.store.files import Stamp, create_held, stamp_of, unique

CHUNK = 1 << 20
_NEW = 60  # seconds
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
MAX_READ = 64 * CHUNK
"""Bytes that are read into memory at once: a signed SBOM of all files may have many megabytes."""


class BlobWriter:
    """An open blob: write bytes, then `digest` and `size` are of all of them."""

    __slots__ = ("_file", "_path", "_sha256", "size")

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._path = path
        self.size = 0

    @property
    def path(self) -> Path:
        """Where it is until it is published."""
        return Path(self._path)

    def write(self, data: bytes | memoryview) -> int:
        """Append; returns the number of bytes, as a file does."""
        self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Let everybody who reads the file at `path` see what was written so far."""
        self._file.flush()

    @property
    def digest(self) -> Digest:
        """Of what was written so far."""
        return Digest("sha256:" + self._sha256.hexdigest())


class BlobStore:
    """Blobs by digest under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # An image asks for hundreds of paths: as texts they cost a tenth.
        self._folder, self._prefix = f"{root}/sha256", f"{root}/sha256/"
        self._tmp = str(root.parent / "tmp")

    def path(self, digest: Digest) -> Path:
        """Where the blob is or would be."""
        return Path(self._prefix + hex_of(digest))

    def name(self, digest: Digest) -> str:
        """The same as a text."""
        return self._prefix + hex_of(digest)

    def has(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the blob is there; with this size, for what a lost power supply may leave."""
        try:
            found = os.stat(self._prefix + hex_of(digest))
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and size in (None, found.st_size)

    def renew(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the blob is there; if so, its age begins anew, so that no clean-up takes it.

        One that is less than a minute old stays as it is: clean-ups count in hours.
        """
        path = self._prefix + hex_of(digest)
        try:
            found = os.stat(path)
        except OSError:
            return False
        if not 0 <= time.time() - found.st_mtime < _NEW:
            with suppress(OSError):
                os.utime(path)
            # A clean-up may have been faster.
            return self.has(digest, size)
        return stat.S_ISREG(found.st_mode) and size in (None, found.st_size)

    def stamp(self, digest: Digest) -> Stamp | None:
        """Of the blob's file; None if it is gone."""
        try:
            return stamp_of(os.stat(self._prefix + hex_of(digest)))
        except OSError:
            return None

    def size(self, digest: Digest) -> int:
        """Bytes of the blob; NotFoundError if it is not there."""
        try:
            return os.stat(self._prefix + hex_of(digest)).st_size
        except FileNotFoundError:
            raise NotFoundError(f"no blob {digest} in {self.root}") from None

    def open(self, digest: Digest) -> BinaryIO:
        """The blob for reading; NotFoundError if it is not there."""
        try:
            return open(self._prefix + hex_of(digest), "rb")
        except FileNotFoundError:
            raise NotFoundError(f"no blob {digest} in {self.root}") from None

    def read(self, digest: Digest, limit: int = MAX_READ) -> bytes:
        """A small blob whole; UntrustedError if it is larger than `limit` or was damaged."""
        with self.open(digest) as file:
            # Memory for as much as there may be would cost more than to read what there is.
            data = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
        if len(data) > limit:
            raise UntrustedError(f"blob {digest} is larger than {limit} bytes")
        if hashlib.sha256(data).hexdigest() != hex_of(digest):
            raise UntrustedError(
                f"blob {digest} in {self.root} is damaged (run: ironhull cache verify)"
            )
        return data

    @contextmanager
    def writer(
        self, expected: Digest | None = None, size: int | None = None
    ) -> Iterator[BlobWriter]:
        """A blob that is published when the block ends well, and leaves nothing when it does not.

        UntrustedError if the bytes are not what `expected` and `size` say.
        """
        with self._temporary() as (file, path):
            blob = BlobWriter(file, path)
            yield blob
            file.flush()
            if size is not None and blob.size != size:
                raise UntrustedError(f"blob {expected}: expected {size} bytes, got {blob.size}")
            if expected is not None and blob.digest != expected:
                raise UntrustedError(f"blob should be {expected} and is {blob.digest}")
            self._publish(path, blob.digest)

    @contextmanager
    def written(self, blobs: Sequence[tuple[Digest, bytes]]) -> Iterator[list[str]]:
        """Files of bytes that the caller has found to be of their digests.

        They are published when the block ends well, and go when it does not.
        """
        with ExitStack() as held:
            paths = []
            for _, data in blobs:
                file, path = held.enter_context(self._temporary())
                file.write(data)
                file.flush()
                paths.append(path)
            yield paths
            for path, (digest, _) in zip(paths, blobs, strict=True):
                self._publish(path, digest)

    def put(self, data: bytes) -> Digest:
        """Store bytes; returns their digest."""
        digest = digest_of(data)
        with self._temporary() as (file, path):
            file.write(data)
            file.flush()
            self._publish(path, digest)
        return digest

    def remove(self, digest: Digest) -> None:
        """Remove a blob; one that is gone already is no error."""
        self.path(digest).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Digest]:
        """Digests of all blobs, in no order."""
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(self._folder):
                yield Digest(f"sha256:{entry.name}")

    def _publish(self, path: str, digest: Digest) -> None:
        target = self._prefix + hex_of(digest)
        try:
            os.replace(path, target)
        except FileNotFoundError:
            Path(self._folder).mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    @contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, str]]:
        """A file to be written and published; what is not published goes."""
        path = f"{self._tmp}/{unique(8)}"
        try:
            try:
                file = create_held(path)
            except FileNotFoundError:
                Path(self._tmp).mkdir(parents=True, exist_ok=True)
                file = create_held(path)
        except OSError as error:
            raise EnvironmentProblem(f"cannot write to {self._tmp}: {error.strerror}") from None
        try:
            with file:
                os.fchmod(file.fileno(), 0o644)
                yield file, path
        except BaseException as error:
            with suppress(OSError):
                os.unlink(path)
            if isinstance(error, OSError) and error.errno in _FULL:
                # Without its name, which is another one each time: it is the same cause.
                raise EnvironmentProblem(f"cannot write to {self._tmp}: {error.strerror}") from None
            raise
