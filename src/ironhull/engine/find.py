"""Which engines the machine has, and the one to use.

The environment and the settings are read by `cli`; what they say comes in here as `EngineSettings`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ironhull.engine.buildah import Buildah
from ironhull.engine.docker import Docker
from ironhull.engine.flags import FlagsCache
from ironhull.engine.interface import Builder, Engine
from ironhull.engine.podman import Podman
from ironhull.engine.sandbox import Sandbox
from ironhull.errors import EngineError, InputError
from ironhull.sandbox.bubblewrap import ISOLATES, Bubblewrap, installed, problem
from ironhull.sandbox.namespace import no_users
from ironhull.values import dataclass

CONTAINER_ENGINES = ("podman", "docker")
"""Those that run and build."""
RUNNERS = (*CONTAINER_ENGINES, "sandbox")
BUILDERS = ("podman", "docker", "buildah")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Words that always follow each program, docker's daemon, and where to remember flags."""

    podman: tuple[str, ...] = ()
    buildah: tuple[str, ...] = ()
    docker_host: str | None = None
    cache: Path | None = None
    bubblewrap: Callable[[], Bubblewrap] | None = None
    """Finds the sandbox's program when it is needed; None: there is no sandbox."""
    known: Callable[[], Bubblewrap | None] = installed
    """Finds it without asking an archive; None where that would have to be asked."""
    unpacked: Path | None = None
    """Where the sandbox keeps images unpacked."""


@dataclass(frozen=True, slots=True)
class Found:
    """One engine as `ironhull engine list` shows it; `problem` says why it cannot be used."""

    name: str
    program: str
    version: str
    runs: bool
    problem: str = ""
    about: str = ""
    """What it is, where its name does not tell."""


def builder(name: str, settings: EngineSettings) -> Builder:
    """The engine of that name; EngineError if its program is not there."""
    program = shutil.which(name) if name in BUILDERS else None
    if name not in BUILDERS:
        raise InputError(f"no engine is called {name!r} (known: {', '.join(BUILDERS)})")
    if program is None:
        raise EngineError(f"{name} is not installed")
    cache = FlagsCache(settings.cache)
    match name:
        case "podman":
            return Podman((program, *settings.podman), cache)
        case "buildah":
            return Buildah((program, *settings.buildah), cache)
        case _:
            return Docker(_every(name), settings.docker_host)


def engine(name: str | None, settings: EngineSettings, runners: Sequence[str] = RUNNERS) -> Engine:
    """An engine that runs: the one of that name, or the first of `runners` that works.

    EngineError says of each why it cannot be used.
    """
    if name == "buildah":
        raise InputError(
            "buildah builds images and does not run them (use podman, docker or sandbox)"
        )
    if name and name not in RUNNERS:
        raise InputError(f"no engine is called {name!r} (those that run: {', '.join(RUNNERS)})")
    problems = []
    for candidate in (name,) if name else runners:
        try:
            found = sandbox(settings) if candidate == "sandbox" else builder(candidate, settings)
            found.version()
        except EngineError as error:
            problems.append(str(error))
            continue
        assert isinstance(found, Podman | Docker | Sandbox)  # noqa: S101 - buildah was refused above
        return found
    raise EngineError("no container engine to use: " + "; ".join(problems))


def sandbox(settings: EngineSettings) -> Sandbox:
    """The sandbox; EngineError where the settings have none."""
    if settings.bubblewrap is None or settings.unpacked is None:
        raise EngineError("no sandbox is set up")
    return Sandbox(settings.bubblewrap, settings.unpacked)


def list_engines(settings: EngineSettings, names: Sequence[str] = BUILDERS) -> list[Found]:
    """Every engine that Ironhull knows, and whether it is there and answers."""
    result = []
    for name in names:
        program = shutil.which(name) or ""
        runs = name in RUNNERS
        try:
            version = builder(name, settings).version()
        except EngineError as error:
            result.append(Found(name, program, "", runs, str(error)))
        else:
            result.append(Found(name, program, version, runs))
    if settings.bubblewrap is not None:
        result.append(_listed_sandbox(settings))
    return result


def _listed_sandbox(settings: EngineSettings) -> Found:
    # Listing shall ask no archive; where bubblewrap is not known, the kernel alone is.
    own = settings.known()
    if own is None:
        about = f"{ISOLATES}; taken from the signed archive when it is first needed"
        return Found("sandbox", "", "", runs=True, problem=no_users(), about=about)
    return Found("sandbox", own.origin, own.version, True, problem(own), ISOLATES)


def _every(name: str) -> list[str]:
    """Every program of that name on the search path: two versions of docker are no rarity."""
    found = (shutil.which(name, path=folder) for folder in os.get_exec_path())
    unique = {str(Path(path).resolve()): path for path in found if path}
    return list(unique.values())
