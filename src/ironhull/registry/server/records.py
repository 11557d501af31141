"""Which blobs, manifests and referrers belong to which repository, as small files.

<layout>/registry/
    repositories/<name>/_blobs/<hex>                     an empty file
    repositories/<name>/_manifests/<hex>                 its media type
    repositories/<name>/_built/<hex>                     an empty file: was in index.json under this
                                                         name before anybody pushed it there
    repositories/<name>/_referrers/<hex of subject>/<hex>  an empty file
    repositories/<name>/_mirror/                         see `mirrored`
    received/<hex>        a blob that came through this server and was not in the layout before
    received/<name>.list  the same of all that came in one request, a line each
    uploads/              see `uploads`
    format                the version of this folder, see `earlier`

A repository's name cannot hold a part that begins with `_`, so no name collides with a folder.
Each file appears whole (written aside, renamed), and it and its folder are synced, at once or with
the `Batch` that it is given to: what was recorded stays recorded when the machine stops (but for
`received`, which the sweep alone goes by).
"""

from __future__ import annotations

import io
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.oci.digest import Digest, hex_of
from ironhull.registry.server.rounds import Rounds
from ironhull.store.files import replace_file, unique

_HEX = frozenset("0123456789abcdef")
_SYNCING = 8
_AGAIN, _LIST = ".again", ".list"


def sync_folder(path: Path) -> None:
    """Put a folder's entries on disk (a rename is only lasting after that)."""
    _sync(path)


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Batch:
    """What is put on disk together, before anybody is told that it is there."""

    def __init__(self, syncs: Rounds[Batch]) -> None:
        self._syncs = syncs
        # In the order in which they came, each once.
        self.paths: dict[str, None] = {}
        self.error: OSError | None = None

    def data(self, path: str | Path) -> None:
        """What is in a file, which is to get another name."""
        self.paths[str(path)] = None

    def file(self, path: str | Path) -> None:
        """A file that was written, and its name."""
        self.data(path)
        self.name(path)

    def name(self, path: str | Path) -> None:
        """The name of a file that is empty, or was synced under another."""
        self.paths[str(path).rpartition("/")[0]] = None

    def sync(self) -> None:
        """Put all on disk; OSError if one of them cannot be."""
        if self.paths:
            self._syncs.do(self)
        if self.error is not None:
            raise self.error


class _Disk:
    """Syncs what several batches want, each file and folder once.

    Several are synced at once: the file system writes its journal, and the disk its cache, for all
    of them together. One after another each waits for both anew: ten times as long. A thread for
    each costs more of the processor than the sync.
    """

    def __init__(self) -> None:
        # Threads come with the first batch: one that is made before the server forks has none.
        self._pool = ThreadPoolExecutor(_SYNCING, "sync")

    def sync(self, batches: Sequence[Batch]) -> None:
        """Put all on disk; a batch of which something cannot be is given the error."""
        paths = list({path: None for batch in batches for path in batch.paths})
        mine, *others = (paths[number::_SYNCING] for number in range(min(_SYNCING, len(paths))))
        waiting = [self._pool.submit(_failures, each) for each in others]
        errors = _failures(mine)
        for other in waiting:
            errors |= other.result()
        for batch in batches:
            batch.error = next((errors[path] for path in batch.paths if errors[path]), None)


def _failures(paths: Sequence[str]) -> dict[str, OSError | None]:
    errors: dict[str, OSError | None] = {}
    for path in paths:
        try:
            _sync(path)
            errors[path] = None
        except OSError as error:
            errors[path] = error
    return errors


class Records:
    """The records below `<layout>/registry`."""

    def __init__(self, root: Path) -> None:
        self.root = root / "registry"
        self._repositories = self.root / "repositories"
        # A manifest's push asks for dozens of records: as texts their paths cost a tenth.
        self._prefix = f"{self._repositories}/"
        self._received = self.root / "received"
        self._syncs: Rounds[Batch] = Rounds(_Disk().sync)

    # Blobs.

    def add_blob(self, repository: str, digest: Digest, batch: Batch | None = None) -> None:
        """Note that a repository has a blob; on disk with the batch, or at once."""
        self._add(self._path(repository, "_blobs", digest), batch=batch)

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether it was noted that a repository has a blob."""
        return os.path.exists(self._path(repository, "_blobs", digest))

    def drop_blob(self, repository: str, digest: Digest) -> bool:
        """Forget; False if it was not recorded."""
        return _drop(self.folder(repository, "_blobs") / hex_of(digest))

    def blobs(self, repository: str) -> Iterator[tuple[Digest, float]]:
        """Digests, and when each was recorded (seconds since 1970)."""
        yield from _dated(self.folder(repository, "_blobs"))

    # Manifests.

    def add_manifest(
        self, repository: str, digest: Digest, media_type: str, batch: Batch | None = None
    ) -> None:
        """Note that a repository has a manifest, and its media type; on disk with the batch."""
        path = self._path(repository, "_manifests", digest)
        self._add(path, media_type.encode(), batch)

    def media_type(self, repository: str, digest: Digest) -> str | None:
        """The media type a manifest was pushed with; None if the repository has no record."""
        try:
            path = self._path(repository, "_manifests", digest)
            with open(path, "rb", buffering=0) as file:
                # Empty after a power cut in a push: nobody was told of it.
                return file.read(255).decode("ascii", "replace") or None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def drop_manifest(self, repository: str, digest: Digest) -> bool:
        """Forget; False if it was not recorded."""
        # First: pushed anew later, it would not be the store's own any more.
        _drop(self.folder(repository, "_built") / hex_of(digest))
        return _drop(self.folder(repository, "_manifests") / hex_of(digest))

    def manifests(self, repository: str) -> Iterator[Digest]:
        """The manifests that a repository was noted to have."""
        yield from _named(self.folder(repository, "_manifests"))

    def dated_manifests(self, repository: str) -> Iterator[tuple[Digest, float]]:
        """The same, with when each was pushed last, in seconds since 1970."""
        yield from _dated(self.folder(repository, "_manifests"))

    def manifests_stamp(self, repository: str) -> tuple[int, int]:
        """Numbers that change when a manifest comes or goes."""
        return (
            _changed(self.folder(repository, "_manifests")),
            _changed(self.folder(repository, "_built")),
        )

    def add_built(self, repository: str, digest: Digest, batch: Batch | None = None) -> None:
        """Remember that the store itself had this manifest under the repository's name."""
        self._add(self._path(repository, "_built", digest), batch=batch)

    def built(self, repository: str) -> Iterator[Digest]:
        """Recorded manifests that the store itself had there first."""
        yield from _named(self.folder(repository, "_built"))

    # Mirrors.

    def is_mirror(self, repository: str) -> bool:
        """Whether anything of the repository was brought from elsewhere by this server."""
        return self.folder(repository, "_mirror").is_dir()

    # Referrers.

    def add_referrer(
        self, repository: str, subject: Digest, digest: Digest, batch: Batch | None = None
    ) -> None:
        """Note that a manifest of a repository refers to a subject."""
        kind = f"_referrers/{hex_of(subject)}"
        self._add(self._path(repository, kind, digest), batch=batch)

    def drop_referrer(self, repository: str, subject: Digest, digest: Digest) -> None:
        """Forget that a manifest refers to a subject."""
        _drop(self.folder(repository, "_referrers") / hex_of(subject) / hex_of(digest))

    def referrers(self, repository: str, subject: Digest) -> Iterator[Digest]:
        """The manifests of a repository that refer to a subject."""
        yield from _named(self.folder(repository, "_referrers") / hex_of(subject))

    def subjects(self, repository: str) -> frozenset[Digest]:
        """The manifests that others of the repository refer to, or did."""
        return frozenset(_named(self.folder(repository, "_referrers")))

    def referrers_stamp(self, repository: str) -> int:
        """A number that changes when a referrer comes or goes."""
        folder = self.folder(repository, "_referrers")
        return hash(tuple(sorted((each, _changed(folder / each)) for each in _subfolders(folder))))

    # Blobs that only this server put there.

    def add_received(self, digest: Digest, *, new: bool) -> None:
        """Remember that a blob came in; `new` if the layout did not have it.

        The same is written either way: the time of a push must not tell whether somebody else has
        these bytes. It need not outlive a power cut: then the blob is kept as if it had been there.
        """
        _note(f"{self._received}/{hex_of(digest) if new else _AGAIN}")

    def add_all_received(self, digests: Mapping[Digest, bool]) -> None:
        """The same of what comes in one request, each with whether it is new: in one file."""
        lines = [hex_of(digest) if new else _AGAIN for digest, new in digests.items()]
        _say(f"{self._received}/{unique(8)}{_LIST}", "\n".join(lines).encode())

    def drop_received(self, digest: Digest) -> None:
        """Forget when a blob came in, but for what a list says."""
        _drop(self._received / hex_of(digest))

    def shorten_received(self, gone: Container[Digest], before: float) -> None:
        """Forget in lists that are older than `before` what has gone since."""
        for path, when in self._lists():
            if when >= before:
                continue
            come = _listed(path)
            left = [hex_of(digest) for digest in come if digest not in gone]
            if not left:
                _drop(path)
            elif len(left) < len(come):
                replace_file(path, "\n".join(left).encode(), durable=False)
                # Another sweep may be faster.
                with suppress(FileNotFoundError):
                    os.utime(path, (when, when))

    def received(self) -> Iterator[tuple[Digest, float]]:
        """Blobs that came in, each with when, in seconds since 1970."""
        yield from _dated(self._received)
        for path, when in self._lists():
            for digest in _listed(path):
                yield digest, when

    def _lists(self) -> list[tuple[Path, float]]:
        try:
            with os.scandir(self._received) as entries:
                return [
                    (Path(entry.path), entry.stat().st_mtime)
                    for entry in entries
                    if entry.name.endswith(_LIST) and not entry.name.startswith(".")
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def repositories(self) -> Iterator[str]:
        """Names of all repositories with a folder, in no order."""
        open_folders = [(self._repositories, "")]
        while open_folders:
            folder, name = open_folders.pop()
            entries = _subfolders(folder)
            if any(entry.startswith("_") for entry in entries):
                yield name
            open_folders += [
                (folder / entry, f"{name}/{entry}" if name else entry)
                for entry in entries
                if not entry.startswith("_")
            ]

    def folder(self, repository: str, kind: str) -> Path:
        """Where records of a kind are; the kinds are this module's and `mirrored`'s."""
        return self._repositories / repository / kind

    def batch(self) -> Batch:
        """Of one request: nothing of it is acknowledged before it was synced."""
        return Batch(self._syncs)

    def _path(self, repository: str, kind: str, digest: Digest) -> str:
        return f"{self._prefix}{repository}/{kind}/{hex_of(digest)}"

    def _add(self, path: str, data: bytes = b"", batch: Batch | None = None) -> None:
        if not data:
            _note(path)
        else:
            _say(path, data)
        synced = batch or self.batch()
        # Also what was there: whoever wrote it may still be waiting for the disk. Of an empty file
        # only the name can be lost: that is the folder's to keep.
        (synced.file if data else synced.name)(path)
        if batch is None:
            synced.sync()


def _note(path: str) -> None:
    """An empty file, which nobody can see half written; its date is the last time."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o666)
        try:
            # Seen again: the date is what garbage collection goes by.
            os.utime(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None


def _say(path: str, data: bytes) -> None:
    try:
        # Of a new one nobody was told yet, and an empty one counts for none: it needs no other
        # name first.
        with _new(path) as file:
            file.write(data)
        return
    except FileExistsError:
        there = Path(path).read_bytes() == data
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None
    if there:
        os.utime(path)
    else:
        # What a record said stays until the new one is on disk, also on a power cut.
        replace_file(Path(path), data)


def _new(path: str) -> io.FileIO:
    try:
        return open(path, "xb", buffering=0)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb", buffering=0)


def _drop(path: Path) -> bool:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise EnvironmentProblem(f"cannot remove {path}: {error.strerror}") from None
    return True


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _named(folder: Path) -> Iterator[Digest]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if len(name) == 64 and _HEX.issuperset(name):
            yield Digest(f"sha256:{name}")


def _dated(folder: Path) -> Iterator[tuple[Digest, float]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if len(entry.name) == 64 and _HEX.issuperset(entry.name):
            try:
                yield Digest(f"sha256:{entry.name}"), entry.stat().st_mtime
            except FileNotFoundError:
                continue


def _listed(path: Path) -> list[Digest]:
    """What a list names; a line that was cut off names nothing."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [Digest(f"sha256:{each}") for each in lines if len(each) == 64 and _HEX.issuperset(each)]


def _subfolders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
