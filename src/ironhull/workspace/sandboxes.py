"""Which sandboxes run that this user started from this home: a note each, gone when it ends."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ironhull.engine.sandbox import SandboxContainer
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.sandbox.joining import Target
from ironhull.store.files import replace_file

_MAX_NOTE = 1 << 16
_MAX_NOTES = 4096
_NUMBERS = ("pid", "started", "uid", "gid")


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that runs, and what it is called."""

    id: str
    """`sandbox-PID`."""
    image: str
    """NAME:TAG, as it was asked for."""
    target: Target

    def __str__(self) -> str:
        return f"{self.id} ({self.image})"


@contextmanager
def noted(folder: Path, image: str, container: SandboxContainer) -> Iterator[None]:
    """In the block others find the sandbox; where the folder takes no note, they do not."""
    place = folder / f"{container.id}.json"
    note = {"image": image, "processes": _processes(), **asdict(container.target)}
    with suppress(EnvironmentProblem):
        replace_file(place, json.dumps(note).encode(), durable=False, mode=0o600)
    try:
        yield
    finally:
        with suppress(OSError):
            place.unlink()


def running_sandboxes(folder: Path) -> list[RunningSandbox]:
    """All that run, by their ids. Notes of those that were killed with their starter go."""
    found = []
    notes = folder.glob("sandbox-*.json") if folder.is_dir() else ()
    for path in islice(notes, _MAX_NOTES):
        one = _read(path)
        if one is None:
            continue
        if one.target.alive:
            found.append(one)
        else:
            with suppress(OSError):
                path.unlink()
    return sorted(found, key=lambda one: one.target.pid)


def running_sandbox(folder: Path, name: str) -> RunningSandbox | None:
    """The one of that id, or of that image; None: there is no such one.

    InputError if several of the image run, with their ids.
    """
    image = name if ":" in name else f"{name}:latest"
    known = running_sandboxes(folder)
    found = [one for one in known if name == one.id or image == one.image]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise InputError(f"{len(found)} sandboxes of {image} run: name one of them ({ids})")
    return found[0] if found else None


def is_id(name: str) -> bool:
    """Whether a sandbox could be called that, and no image."""
    return re.fullmatch(r"sandbox-[0-9]+", name) is not None


def _read(path: Path) -> RunningSandbox | None:
    """The note, if it is this user's and was written where processes have the same numbers."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            value: Any = json.loads(file.read(_MAX_NOTE))
        if value["processes"] != _processes():
            return None
        pid, started, uid, gid = (int(value[key]) for key in _NUMBERS)
        groups = tuple(int(one) for one in value["groups"])
        return RunningSandbox(
            path.stem, str(value["image"]), Target(pid, started, uid, gid, groups)
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _processes() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
