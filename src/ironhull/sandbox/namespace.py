"""A user namespace with every user of an image in it: what only root on the host can make."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ironhull.errors import EngineError

_NEW_USER = 0x10000000
_USERS = 65536
# Name → minor number of character devices 1 (mem); tty is 5, 0.
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}


def has_users() -> bool:
    """Whether `user_namespace` works here: as root with all of an image's users of its own."""
    if os.geteuid() != 0:
        return False
    try:
        maps = Path("/proc/self/uid_map").read_text().split()
    except OSError:
        return False
    return maps[0] == "0" and int(maps[2]) >= _USERS


_REFUSED = (
    "the kernel refuses a user namespace (is user.max_user_namespaces 0?); "
    "choose podman or docker with --engine"
)


def no_users() -> str:
    """Why this process gets no user namespace; empty if it does."""
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        # Only system calls here: another thread may have held any lock.
        os._exit(1 if libc.unshare(_NEW_USER) else 0)
    return _REFUSED if os.waitpid(child, 0)[1] else ""


@contextmanager
def user_namespace() -> Iterator[int]:
    """A descriptor of a new namespace where users 0 to 65535 are the host's own.

    They are the same numbers, so that an image's folder needs no other owners; what they may do is
    limited to what the namespace owns. EngineError if the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ready, tell = os.pipe()
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        # Only system calls here: another thread may have held any lock.
        os.write(tell, b"n" if libc.unshare(_NEW_USER) else b"y")
        os.close(go)
        os.read(wait, 1)
        os._exit(0)
    os.close(tell)
    os.close(wait)
    try:
        if os.read(ready, 1) != b"y":
            raise EngineError(_REFUSED)
        for kind in ("uid", "gid"):
            Path(f"/proc/{child}/{kind}_map").write_text(f"0 0 {_USERS}")
        descriptor = os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    except OSError as error:
        raise EngineError(f"cannot make a user namespace: {error.strerror}") from None
    finally:
        os.close(ready)
        os.close(go)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def device_nodes() -> Iterator[Path]:
    """A folder with nodes of its own of the harmless devices, gone afterwards.

    User 0 of `user_namespace` owns what the host's root owns: with the host's nodes he could change
    the mode of its /dev/null. EngineError if nodes may not be made.
    """
    folder = ""
    try:
        # On /dev itself, because other file systems may be mounted without devices.
        folder = tempfile.mkdtemp(prefix=".ironhull-", dir="/dev")
        for name, (major, minor) in {**_DEVICES, "tty": (5, 0)}.items():
            path = Path(folder, name)
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            path.chmod(0o666)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EngineError(
            f"cannot make device nodes for the sandbox: {error.strerror} (as another user than root"
            " it needs none)"
        ) from None
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
