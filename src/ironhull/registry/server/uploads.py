"""Blobs on their way in: `<layout>/registry/uploads/<id>` holds the bytes that came so far.

`<id>.repository` beside it names the repository, so that an upload can be resumed after the server
was started again (its digest is then computed from the file). What is finished is synced to disk,
renamed to its digest, and recorded in the repository, in this order: an answer of 201 means that
the blob outlives the machine's next power cut.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.records import sync_folder
from ironhull.registry.server.refusal import Refusal
from ironhull.store.blobs import CHUNK
from ironhull.store.files import replace_file

_ID = re.compile(r"[0-9a-f]{32}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Upload:
    """One upload. `busy` is true while a request writes to it; only that request may."""

    __slots__ = ("_file", "_hashed", "_sha256", "busy", "id", "path", "repository", "size")

    def __init__(self, identifier: str, repository: str, path: Path) -> None:
        self.id = identifier
        self.repository = repository
        self.path = path
        self.busy = False
        self._sha256 = hashlib.sha256()
        # Unbuffered: what write() took is in the file, whatever happens to this process.
        self._file = path.open("ab", buffering=0)
        self.size = self._file.tell()
        # Bytes of an earlier run of the server are hashed when somebody needs the digest.
        self._hashed = 0

    def append(self, pieces: Sequence[bytes]) -> None:
        """Write and hash; STORAGE_FULL leaves the upload as long as it was before."""
        for piece in pieces:
            view = memoryview(piece)
            try:
                while view:
                    view = view[self._file.write(view) :]
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(self._file.fileno(), self.size)
                if error.errno in _FULL:
                    raise Refusal("STORAGE_FULL", "the registry's disk is full") from None
                raise
            if self._hashed == self.size:
                self._sha256.update(piece)
                self._hashed += len(piece)
            self.size += len(piece)

    def cut(self, size: int) -> None:
        """Take back what was appended after `size` bytes."""
        os.ftruncate(self._file.fileno(), size)
        self._sha256, self._hashed, self.size = hashlib.sha256(), 0, size

    def digest(self) -> Digest:
        """The digest of all bytes so far; reads those of an earlier run."""
        if self._hashed < self.size:
            self._catch_up()
        return Digest(f"sha256:{self._sha256.hexdigest()}")

    def sync(self) -> None:
        os.fchmod(self._file.fileno(), 0o644)
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _catch_up(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self._hashed)
            while data := file.read(CHUNK):
                self._sha256.update(data)
                self._hashed += len(data)


class Uploads:
    """The uploads of one server; call it from any thread."""

    def __init__(self, contents: Contents, limits: Limits) -> None:
        self._contents = contents
        self._limits = limits
        self.folder = contents.records.root / "uploads"
        self._lock = threading.Lock()
        self._open: dict[str, Upload] = {}

    def __len__(self) -> int:
        """Unfinished uploads, those of an earlier run of the server included."""
        return sum(1 for _ in self._identifiers())

    def start(self, repository: str) -> Upload:
        """A new upload, held by the caller; TOOMANYREQUESTS if too many are unfinished."""
        with self._lock:
            if len(self) >= self._limits.uploads:
                raise Refusal(
                    "TOOMANYREQUESTS",
                    f"{self._limits.uploads} uploads are unfinished, try again later",
                    headers={"retry-after": "30"},
                )
            identifier = secrets.token_hex(16)
            replace_file(self.folder / f"{identifier}.repository", repository.encode())
            upload = Upload(identifier, repository, self.folder / identifier)
            upload.busy = True
            self._open[identifier] = upload
            return upload

    def take(self, repository: str, identifier: str) -> Upload:
        """An upload to write to: held until `release`, so that two requests cannot mix bytes."""
        with self._lock:
            upload = self._find(repository, identifier)
            if upload.busy:
                raise Refusal(
                    "BLOB_UPLOAD_INVALID",
                    "another request is writing to this upload",
                    status=409,
                )
            upload.busy = True
            return upload

    def release(self, upload: Upload) -> None:
        upload.busy = False

    def size(self, repository: str, identifier: str) -> int:
        """Bytes received so far."""
        with self._lock:
            return self._find(repository, identifier).size

    def finish(self, upload: Upload, digest: Digest) -> int:
        """Make a blob of a held upload; its size. DIGEST_INVALID ends the upload."""
        got = upload.digest()
        if got != digest:
            self.discard(upload)
            raise Refusal("DIGEST_INVALID", f"the {upload.size} bytes sent are {got}, not {digest}")
        contents = self._contents
        upload.sync()
        target = contents.blobs.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        contents.records.add_received(digest, new=not target.exists())
        upload.path.replace(target)
        # The age of a blob counts from its end, not from the last chunk.
        os.utime(target)
        sync_folder(target.parent)
        contents.records.add_blob(upload.repository, digest)
        self.discard(upload)
        return upload.size

    def discard(self, upload: Upload) -> None:
        """Forget a held upload and its bytes."""
        with self._lock:
            self._open.pop(upload.id, None)
        upload.close()
        for path in (upload.path, self.folder / f"{upload.id}.repository"):
            path.unlink(missing_ok=True)

    def check_room(self, size: int) -> None:
        """STORAGE_FULL if the disk has no room for `size` more bytes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < size + self._limits.reserve:
            raise Refusal("STORAGE_FULL", f"no room for {size} more bytes on the registry's disk")

    def expire(self, now: float | None = None) -> int:
        """Remove uploads that nothing was written to for `upload_age`; how many."""
        now = time.time() if now is None else now
        removed = 0
        for identifier in list(self._identifiers()):
            with self._lock:
                upload = self._open.get(identifier)
                if upload is not None and upload.busy:
                    continue
                path = self.folder / identifier
                age = now - max(_mtime(path), _mtime(path.with_suffix(".repository")))
                if age < self._limits.upload_age:
                    continue
                self._open.pop(identifier, None)
            if upload is not None:
                upload.close()
            path.unlink(missing_ok=True)
            path.with_suffix(".repository").unlink(missing_ok=True)
            removed += 1
        return removed

    def close(self) -> None:
        """Close all files; the uploads can be resumed by the next server."""
        with self._lock:
            for upload in self._open.values():
                upload.close()
            self._open.clear()

    def _find(self, repository: str, identifier: str) -> Upload:
        upload = self._open.get(identifier)
        if upload is None and _ID.fullmatch(identifier):
            upload = self._reopen(identifier)
        if upload is None or upload.repository != repository:
            raise Refusal("BLOB_UPLOAD_UNKNOWN", f"{repository} has no upload {identifier!r:.100}")
        return upload

    def _reopen(self, identifier: str) -> Upload | None:
        try:
            repository = (self.folder / f"{identifier}.repository").read_bytes()[:256].decode()
        except FileNotFoundError:
            return None
        upload = Upload(identifier, repository, self.folder / identifier)
        self._open[identifier] = upload
        return upload

    def _identifiers(self) -> list[str]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return list({name.partition(".")[0] for name in names if _ID.match(name)})


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
