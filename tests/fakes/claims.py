"""What all test processes of a machine share and may not have twice: ports, subnets.

A claim is a locked file; the lock ends with the process, whatever becomes of it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Below the range from which systems take ports for outgoing connections.
PORTS = range(20_000, 30_000)

_held: list[int] = []


def claim(kind: str, numbers: Sequence[int]) -> int:
    """A number that no other process of these tests has; it stays claimed until this one ends."""
    folder = Path(tempfile.gettempdir()) / f"ironhull-tests-{os.getuid()}" / kind
    folder.mkdir(parents=True, exist_ok=True)
    for number in random.sample(numbers, len(numbers)):
        descriptor = os.open(folder / str(number), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        return number
    raise RuntimeError(f"every {kind} is claimed: {folder}")


def free_port() -> int:
    """A port on which nobody listens, and which no other test will be given."""
    while True:
        port = claim("port", PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
