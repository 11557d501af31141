"""Blobs on their way in: `<layout>/registry/uploads/<id>` holds the bytes that came so far.

`<id>.repository` beside it names the repository and whose the upload is, so that it can be resumed
after the server was started again (its digest is then computed from the file); one that comes in
one request, and so never is, has none. What is finished is synced to disk, renamed to its digest,
and recorded in the repository, in this order, and both names are synced: an answer of 201 means
that the blob outlives the machine's next power cut.

Unfinished uploads are counted for each owner, for each repository and for all, so that nobody's
leave no room for others'. Who is at a limit loses what was at rest longest, of the owner who has
most; only if all are being continued is a new one refused.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.upload import Upload

_ID = re.compile(r"[0-9a-f]{32}")
_BESIDE = ".repository"
_MAX_BESIDE = 1024
# An upload without a byte, or of one request only, is of no use to who comes back after this many
# times `Limits.upload_rest`.
_USELESS = 10


class Uploads:
    """The uploads of one server; call it from any thread."""

    def __init__(self, contents: Contents, limits: Limits) -> None:
        self._contents = contents
        self._limits = limits
        self.folder = contents.records.root / "uploads"
        self._lock = threading.Lock()
        self._read: dict[str, Upload] | None = None

    def __len__(self) -> int:
        """Unfinished uploads, those of an earlier run of the server included."""
        with self._lock:
            return len(self._known)

    def begin(self, repository: str, owner: str, size: int) -> Upload:
        """A new upload that nobody holds yet; errors as of `check_room` and `start`."""
        self.check_room(size)
        upload = self.start(repository, owner)
        self.release(upload)
        return upload

    def start(self, repository: str, owner: str, *, once: bool = False) -> Upload:
        """A new upload, held by the caller; TOOMANYREQUESTS if too many are being continued."""
        with self._lock:
            self._make_room(repository, owner)
            upload = Upload(self.folder / secrets.token_hex(16), repository, owner, once=once)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                if not once:
                    # Nobody was told of it yet, and one that a power cut takes is begun again.
                    _beside(upload.path).write_bytes(f"{repository}\n{owner}\nresumed".encode())
                upload.open(create=True)
            except OSError as error:
                self._forget(upload)
                text = f"cannot write to {self.folder}: {error.strerror}"
                raise EnvironmentProblem(text) from None
            upload.busy = True
            self._known[upload.id] = upload
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
            try:
                upload.open()
            except FileNotFoundError:
                self._forget(upload)
                raise _unknown(repository, identifier) from None
            upload.busy = True
            return upload

    def release(self, upload: Upload) -> None:
        """Others may write to it now."""
        upload.close()
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
        contents.records.add_received(digest, new=not contents.blobs.has(digest))
        try:
            upload.path.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            upload.path.replace(target)
        # The age of a blob counts from its end, not from the last chunk.
        os.utime(target)
        batch = contents.records.batch()
        batch.name(target)
        contents.records.add_blob(upload.repository, digest, batch)
        batch.sync()
        with self._lock:
            self._forget(upload, settled=True)
        return upload.size

    def put(self, repository: str, owner: str, data: bytes, digest: Digest) -> int:
        """A blob that came whole in one request; its size. Errors as of `check_room` and `finish`.

        Nobody continues it, so it is not counted; what a killed server leaves of it `expire` finds.
        """
        self.check_room(len(data))
        upload = Upload(self.folder / secrets.token_hex(16), repository, owner, once=True)
        upload.open(create=True)
        try:
            upload.append([data])
            return self.finish(upload, digest)
        except BaseException:
            self.discard(upload)
            raise

    def discard(self, upload: Upload) -> None:
        """Forget a held upload and its bytes."""
        with self._lock:
            self._forget(upload)

    def check_room(self, size: int) -> None:
        """STORAGE_FULL if the disk has no room for `size` more bytes."""
        try:
            free = shutil.disk_usage(self.folder).free
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        if free < size + self._limits.reserve:
            raise Refusal("STORAGE_FULL", f"no room for {size} more bytes on the registry's disk")

    def expire(self, now: float | None = None) -> int:
        """Remove uploads that nobody will continue; how many."""
        now = time.time() if now is None else now
        with self._lock:
            gone = [
                upload
                for upload in self._known.values()
                if not upload.busy and _rest(upload, now) >= self._patience(upload)
            ]
            for upload in gone:
                self._forget(upload)
        return len(gone)

    def close(self) -> None:
        """Close all files; the uploads can be resumed by the next server."""
        with self._lock:
            for upload in self._known.values():
                upload.close()
            self._read = None

    @property
    def _known(self) -> dict[str, Upload]:
        """All uploads by identifier; read from the disk when first asked for."""
        if self._read is None:
            found = map(_stored, _identified(self.folder))
            self._read = {upload.id: upload for upload in found if upload is not None}
        return self._read

    def _find(self, repository: str, identifier: str) -> Upload:
        upload = self._known.get(identifier)
        if upload is None and _ID.fullmatch(identifier):
            # While a worker of this server takes over from another, both begin uploads.
            upload = _stored(self.folder / identifier)
            if upload is not None:
                self._known[identifier] = upload
        if upload is None or upload.repository != repository or upload.once:
            raise _unknown(repository, identifier)
        return upload

    def _forget(self, upload: Upload, *, settled: bool = False) -> None:
        """Close it, and remove what is left: of one that became a blob only what named it."""
        self._known.pop(upload.id, None)
        upload.close()
        if not settled:
            upload.path.unlink(missing_ok=True)
        if not (settled and upload.once):
            _beside(upload.path).unlink(missing_ok=True)

    def _patience(self, upload: Upload) -> float:
        if upload.once or not upload.size:
            return min(self._limits.upload_age, _USELESS * self._limits.upload_rest)
        return self._limits.upload_age

    def _make_room(self, repository: str, owner: str) -> None:
        limits, known = self._limits, self._known.values()
        for what, limit, counted in (
            (f"{owner} has", limits.uploads_of_owner, [u for u in known if u.owner == owner]),
            (
                f"{repository} has",
                limits.uploads_of_repository,
                [u for u in known if u.repository == repository],
            ),
            ("there are", limits.uploads, list(known)),
        ):
            if len(counted) < limit:
                continue
            victim = self._at_rest(counted)
            if victim is None:
                raise Refusal(
                    "TOOMANYREQUESTS",
                    f"{what} {len(counted)} unfinished uploads, try again later",
                    headers={"retry-after": "30"},
                )
            self._forget(victim)

    def _at_rest(self, uploads: Iterable[Upload]) -> Upload | None:
        """The longest at rest of the owner who has most at rest; None if all are continued."""
        now = time.time()
        rests = {upload: _rest(upload, now) for upload in uploads if not upload.busy}
        resting = {u: rest for u, rest in rests.items() if rest >= self._limits.upload_rest}
        of_owner = Counter(upload.owner for upload in resting)
        return max(resting, key=lambda u: (of_owner[u.owner], resting[u]), default=None)


def _identified(folder: Path) -> list[Path]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [folder / name for name in {name[:32] for name in names if _ID.match(name)}]


def _stored(path: Path) -> Upload | None:
    """An upload that an earlier run left; one without its two files is of no use to anybody."""
    text, size = None, None
    with suppress(FileNotFoundError), _beside(path).open("rb") as file:
        # Empty: a power cut took it.
        text = file.read(_MAX_BESIDE).decode("utf-8", "replace") or None
    with suppress(FileNotFoundError):
        size = path.stat().st_size
    if text is None and size is None:
        return None
    # An earlier version wrote the repository alone.
    repository, owner, kind = (*(text or "").split("\n"), "", "")[:3]
    useless = kind == "once" or text is None or size is None
    upload = Upload(path, repository, owner, once=useless)
    upload.size = size or 0
    return upload


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _BESIDE)


def _unknown(repository: str, identifier: str) -> Refusal:
    return Refusal("BLOB_UPLOAD_UNKNOWN", f"{repository} has no upload {identifier!r:.100}")


def _rest(upload: Upload, now: float) -> float:
    """Seconds since anything was written; all of them if the files are gone."""
    return now - max(_mtime(upload.path), _mtime(_beside(upload.path)))


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
