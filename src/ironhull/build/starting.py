"""Whether what an image starts really starts, found by starting it in a container engine.

A closure can hold and the program still end at once: an account that is not there, a path that it
cannot write, a shell that it asks for. So it is started once, as hard as images have to be able to
run: no capabilities, a root that cannot be written, no network but its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ironhull.build.start_mending import Remedy
from ironhull.build.testing import mounted_program
from ironhull.definition.model import READER
from ironhull.engine.interface import HARDENED, Container, Engine
from ironhull.engine.probe import read_program
from ironhull.errors import EngineError

_GRACE = 10
_LINES = 12
# Of /proc/net: kind of port, and the state in which a socket waits for others.
_TABLES = (("tcp", "tcp", "0A"), ("tcp6", "tcp", "0A"), ("udp", "udp", "07"), ("udp6", "udp", "07"))


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """What became of it; `reason` is empty if it started as its configuration says."""

    reason: str
    listening: tuple[str, ...]
    """Ports that something in the container waits on: `8080/tcp`."""
    seconds: float
    """Until it was seen to have started, or not."""
    said: str
    """The end of what it printed."""
    remedies: tuple[Remedy, ...] = ()
    """What would mend it, where that can be told."""

    @property
    def started(self) -> bool:
        """Whether it runs and listens, or has done its work and ended with 0."""
        return not self.reason


def start_once(
    engine: Engine, image: str, ports: Sequence[str], *, patience: float = 60
) -> StartOutcome:
    """Start an image that the engine has, wait until it listens on its `ports`, and stop it.

    One that names no port has to run on for three seconds, or to end with 0. EngineError if the
    engine itself fails.
    """
    began = time.monotonic()
    with mounted_program(read_program(), READER) as mount:
        options = replace(HARDENED, network="none", mounts=(mount,))
        with engine.start(image, options) as container:
            reason, listening = _watched(container, tuple(ports), patience)
            seconds = time.monotonic() - began
            if not reason and container.running() and container.stop(_GRACE).killed:
                reason = f"did not end within {_GRACE} seconds of its stop signal"
            stdout, stderr = container.logs()
    lines = (stdout + stderr).strip().splitlines()
    return StartOutcome(reason, listening, seconds, "\n".join(lines[-_LINES:]))


def _watched(
    container: Container, ports: tuple[str, ...], patience: float
) -> tuple[str, tuple[str, ...]]:
    """Why it did not start ('' if it did), and where it listens."""
    began, listening = time.monotonic(), tuple[str, ...]()
    wanted = patience if ports else min(patience, 3)
    while time.monotonic() < began + wanted:
        if not container.running():
            code = container.wait(1)
            if not ports:
                return "" if code == 0 else f"ended with exit code {code}", listening
            wish = ", ".join(ports)
            return f"ended with exit code {code} instead of listening on {wish}", listening
        listening = _listening(container)
        if ports and set(ports) <= set(listening):
            return "", listening
        time.sleep(0.2)
    if not ports:
        return "", listening
    missing = ", ".join(port for port in ports if port not in listening)
    where = ", ".join(listening) or "no port"
    return f"runs, but does not listen on {missing} (it listens on {where})", listening


def _listening(container: Container) -> tuple[str, ...]:
    found: set[tuple[int, str]] = set()
    for table, kind, state in _TABLES:
        try:
            text = container.execute([READER, f"/proc/net/{table}"]).stdout
        except EngineError:
            # It has ended since it was asked whether it runs: that is for the next look.
            if container.running():
                raise
            break
        for line in text.splitlines()[1:]:
            words = line.split()
            if len(words) > 3 and words[3] == state:
                found.add((int(words[1].rpartition(":")[2], 16), kind))
    return tuple(f"{port}/{kind}" for port, kind in sorted(found))
