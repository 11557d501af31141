"""A toolbox beside a container: it joins the processes and the network, and adds nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ironhull.engine.find import CONTAINER_ENGINES, engine
from ironhull.engine.interface import Container, Engine, RunOptions, RunResult
from ironhull.engine.process import call
from ironhull.errors import EngineError, NotFoundError
from ironhull.store.choice import choose_manifest
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine

_FOR_EVER = ("sleep", "infinity")


@dataclass(frozen=True, slots=True)
class Toolbox:
    """A running toolbox."""

    program: tuple[str, ...]
    """The engine's command with its own options: `podman --root …`."""
    container: Container

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """Run a command in it to its end; 126 and 127: it could not be started."""
        return self.container.execute(command, timeout=timeout)

    def at_terminal(self, command: Sequence[str]) -> list[str]:
        """The words that run a command (bash if it is none) at a terminal."""
        return [*self.program, "exec", "-it", self.container.id, *(command or ("bash",))]


@contextmanager
def toolbox(
    machine: Machine, container: str, image: str = "toolbox:13", engine_name: str | None = None
) -> Iterator[Toolbox]:
    """A toolbox out of the store, joined to a running container while the block lasts.

    The container's files are below /proc/1/root. NotFoundError if the toolbox is not in the store
    or the engine does not know the container; EngineError if no engine works or it does not run.
    """
    layout, settings = machine.home.store, engine_settings(machine)
    found = engine(engine_name, settings, CONTAINER_ENGINES)
    host = ("-H", settings.docker_host) if settings.docker_host else ()
    program = ("podman", *settings.podman) if found.name == "podman" else (found.name, *host)
    # A wrong name is said before a toolbox is asked for.
    if call([*program, "container", "inspect", container], timeout=60).code:
        raise _unknown(found, container)
    manifest = choose_manifest(layout, stored(layout, image))
    name = f"localhost/ironhull-toolbox:{os.getpid()}"
    options = RunOptions(
        entrypoint=_FOR_EVER,
        user="0",
        cap_add=("SYS_PTRACE",),
        network=f"container:{container}",
        processes=f"container:{container}",
    )
    found.load(layout, manifest, [name])
    try:
        with _started(found, name, options, container) as box:
            yield Toolbox(program, box)
    finally:
        found.remove(name)


def _started(found: Engine, image: str, options: RunOptions, container: str) -> Container:
    try:
        return found.start(image, options)
    except EngineError as error:
        if "no such container" not in str(error).lower():
            raise
        raise _unknown(found, container) from None


def _unknown(found: Engine, container: str) -> NotFoundError:
    return NotFoundError(
        f"{found.name} has no container {container!r} (`{found.name} ps` lists those that run; "
        "--engine chooses another engine)"
    )
