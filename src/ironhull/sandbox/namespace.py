"""A user namespace with every user of an image in it: what only root on the host can make."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ironhull.errors import EngineError

_NEW_USER = 0x10000000
_USERS = 65536


def has_users() -> bool:
    """Whether `user_namespace` works here: as root with all of an image's users of its own."""
    if os.geteuid() != 0:
        return False
    try:
        maps = Path("/proc/self/uid_map").read_text().split()
    except OSError:
        return False
    return maps[0] == "0" and int(maps[2]) >= _USERS


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
            raise EngineError(
                "the kernel refuses a user namespace (is user.max_user_namespaces 0?); "
                "choose podman or docker with --engine"
            )
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
