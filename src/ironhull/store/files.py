"""Small files that change: replaced whole, guarded by a lock that processes share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ironhull.errors import EnvironmentProblem


def unique(size: int = 4) -> str:
    """Letters for a name that nobody else takes, now or in another process."""
    # Not `secrets`: it loads `random`, for which every verb would wait.
    return f"{os.getpid()}-{os.urandom(size).hex()}"


def temporary_name(path: Path) -> Path:
    """A hidden file beside this one, to be written first and then renamed to it."""
    return path.with_name(f".{path.name}.{unique()}")


Stamp = tuple[int, int, int]
"""Tells a file from any other, and from itself as it was changed later."""


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of the file that was looked at."""
    return found.st_ino, found.st_mtime_ns, found.st_size


def replace_file(
    path: Path, data: bytes, *, durable: bool = True, mode: int = 0o666
) -> os.stat_result:
    """Write a file so that a reader sees the old bytes or the new ones, whatever happens.

    `durable` waits for the disk; a cache, which can be made again, need not. `mode` holds from the
    first moment on, less what the umask takes. What it gives tells the file that was written from
    any that somebody puts in its place later.
    """
    folder, name = os.path.split(path)
    temporary = f"{folder or '.'}/.{name}.{unique()}"
    try:
        try:
            held = create_held(temporary, mode)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = create_held(temporary, mode)
        with held as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            written = os.fstat(file.fileno())
        os.replace(temporary, path)
        return written
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None
        raise


def create_held(path: str | Path, mode: int = 0o666) -> BinaryIO:
    """A new file, locked as long as it is open: `remove_abandoned` leaves it alone until then.

    The lock dies with the process, however it ends, and needs no process number, which another
    container that shares the folder would read otherwise.
    """
    while True:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.fdopen(os.open(path, flags, mode), "wb")
        # A file system without locks: then only its age tells that nobody writes a file any more.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        # A clean-up may have been faster, between the two lines above: then once more.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()


def remove_abandoned(path: Path) -> int | None:
    """Remove a file unless somebody has it open from `create_held`.

    The bytes that it had; None if it stays, or is gone already.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Under the lock: a writer that is just about to take it sees that the file is gone.
            path.unlink()
            return os.fstat(file.fileno()).st_size
    except OSError:
        return None


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock file at `path`; waits for other processes, and dies with ours."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise EnvironmentProblem(f"cannot open {path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
