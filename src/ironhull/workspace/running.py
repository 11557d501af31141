"""Run an image of the store: in the sandbox, or in podman or docker where they are asked for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from ironhull.engine.find import engine
from ironhull.engine.interface import HARDENED, Attached, Engine, Mount, RunOptions, RunResult
from ironhull.engine.sandbox import SandboxContainer
from ironhull.errors import InputError
from ironhull.store.choice import choose_manifest
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine
from ironhull.workspace.sandboxes import noted


@dataclass(frozen=True, slots=True)
class RunChoices:
    """How to run an image. The defaults hold it as a hardened image is to be held."""

    command: tuple[str, ...] = ()
    """Instead of the image's command; its entrypoint stays in front."""
    entrypoint: tuple[str, ...] | None = None
    engine: str = "sandbox"
    """sandbox, podman or docker."""
    network: str = "none"
    """none (a loopback of its own) or host."""
    read_only: bool = True
    """False: writes succeed, and are gone afterwards."""
    user: str | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[str, ...] = ()
    """`127.0.0.1:8080:3000`: addresses of the host that lead to ports inside."""
    mounts: tuple[Mount, ...] = ()
    memory: str | None = None

    def options(self) -> RunOptions:
        """As an engine takes them: no capabilities, no new privileges, /tmp in memory."""
        # podman and docker publish through a bridge, the sandbox into its own loopback.
        network = None if self.publish and self.network == "none" else self.network
        return replace(
            HARDENED,
            entrypoint=self.entrypoint,
            command=self.command,
            network=network,
            read_only=self.read_only,
            user=self.user,
            workdir=self.workdir,
            environment=self.environment,
            publish=self.publish,
            mounts=self.mounts,
            memory=self.memory,
        )


def run_image(machine: Machine, image: str, chosen: RunChoices, timeout: float = 3600) -> RunResult:
    """Run an image of the store to its end; what it wrote is in the result.

    NotFoundError if the store lacks it; EngineError if the engine does not work.
    """
    with _loaded(machine, image, chosen.engine) as (found, name):
        return found.run(name, chosen.options(), timeout=timeout)


@contextmanager
def attached_image(machine: Machine, image: str, chosen: RunChoices) -> Iterator[Attached]:
    """The image running with this process's input, output and errors; gone after the block.

    Errors as of `run_image`.
    """
    with (
        _loaded(machine, image, chosen.engine) as (found, name),
        found.attach(name, chosen.options()) as attached,
        ExitStack() as stack,
    ):
        if isinstance(attached, SandboxContainer):
            known = image if ":" in image else f"{image}:latest"
            stack.enter_context(noted(machine.home.sandboxes, known, attached))
        yield attached


@contextmanager
def _loaded(machine: Machine, image: str, engine_name: str) -> Iterator[tuple[Engine, str]]:
    layout = machine.home.store
    manifest = choose_manifest(layout, stored(layout, image))
    found = engine(engine_name, engine_settings(machine))
    name = f"localhost/ironhull-run:{os.getpid()}-{secrets.token_hex(4)}"
    found.load(layout, manifest, [name])
    try:
        yield found, name
    except InputError as error:
        # The name in the engine is ours; whoever asked knows the image by his own.
        raise InputError(str(error).replace(name, image)) from None
    finally:
        found.remove(name)
