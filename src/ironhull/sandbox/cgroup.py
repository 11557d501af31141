"""A control group for one sandbox, where this process may make one: version 1 or 2 of them."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from ironhull.sandbox.model import Limits

_TOP = Path("/sys/fs/cgroup")
_PATIENCE = 5.0
_YOUNG = 60.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The folders of one group: one in version 2, one for each controller in version 1."""

    folders: tuple[Path, ...]

    def enter(self) -> None:
        """Put this process into it: called in a child between fork and exec."""
        for folder in self.folders:
            descriptor = os.open(folder / "cgroup.procs", os.O_WRONLY)
            os.write(descriptor, b"0")
            os.close(descriptor)

    def remove(self) -> None:
        """Remove it; the last of its processes may take a moment to be gone."""
        end = time.monotonic() + _PATIENCE
        for folder in self.folders:
            while folder.is_dir():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > end:
                        break
                    time.sleep(0.005)


def new_cgroup(limits: Limits) -> Cgroup | None:
    """A group with these limits of memory and processes; None: it may not be made, or needs not."""
    if limits.memory is None and limits.processes is None:
        return None
    name = f"ironhull-{os.getpid()}-{secrets.token_hex(4)}"
    made: list[Path] = []
    try:
        for folder, values in _wanted(limits):
            _sweep(folder)
            (folder / name).mkdir()
            made.append(folder / name)
            for file, value in values.items():
                (folder / name / file).write_text(str(value))
            # Swap has a limit only where the kernel counts it.
            if "memory.max" in values:
                with contextlib.suppress(OSError):
                    (folder / name / "memory.swap.max").write_text("0")
    except OSError:
        Cgroup(tuple(made)).remove()
        return None
    return Cgroup(tuple(made))


def _sweep(folder: Path) -> None:
    """Remove the empty groups of starters that were killed."""
    for path in folder.glob("ironhull-*-*"):
        number = path.name.split("-")[1]
        # A process of another namespace may have made one just now.
        old = time.time() - path.stat().st_mtime > _YOUNG
        if old and not Path("/proc", number).exists():
            with contextlib.suppress(OSError):
                path.rmdir()


def _wanted(limits: Limits) -> list[tuple[Path, dict[str, int]]]:
    """Folders and what is to be written there; OSError if the machine has no such controllers."""
    if (_TOP / "cgroup.controllers").is_file():
        values = {}
        enabled = (_TOP / "cgroup.subtree_control").read_text().split()
        for controller, file, value in (
            ("memory", "memory.max", limits.memory),
            ("pids", "pids.max", limits.processes),
        ):
            if value is not None and controller not in enabled:
                raise OSError(f"{controller} is not enabled")
            if value is not None:
                values[file] = value
        return [(_TOP, values)]
    found = []
    if limits.memory is not None:
        found.append((_TOP / "memory", {"memory.limit_in_bytes": limits.memory}))
    if limits.processes is not None:
        found.append((_TOP / "pids", {"pids.max": limits.processes}))
    return found
