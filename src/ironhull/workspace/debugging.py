"""A toolbox beside a running container or sandbox, or over an image's files, adding nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from ironhull.engine.find import CONTAINER_ENGINES, EngineSettings, engine
from ironhull.engine.interface import Container, Engine, Mount, RunOptions, RunResult
from ironhull.engine.joined import Joined, joined
from ironhull.engine.process import call
from ironhull.engine.sandbox import Sandbox
from ironhull.engine.unpacked import unpacked
from ironhull.errors import EngineError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine
from ironhull.workspace.sandboxes import (
    RunningSandbox,
    is_id,
    running_sandbox,
    running_sandboxes,
)

TARGET = "/target"
"""Where the files lie that are looked at: a link to /proc/1/root, or mounted read-only."""
_FOR_EVER = ("sleep", "infinity")
_SHELL = ("bash",)


class Toolbox(Protocol):
    """A toolbox that is there while the block of `toolbox` lasts."""

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """Run a command in it to its end; 126 and 127: it could not be started."""
        ...

    def at_terminal(self, command: Sequence[str]) -> int:
        """Run a command (bash if it is none) with this process's terminal; its exit code."""
        ...


@dataclass(frozen=True, slots=True)
class _InEngine:
    """A toolbox that runs in podman or docker."""

    program: tuple[str, ...]
    """The engine's command with its own options: `podman --root …`."""
    container: Container

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """As `Toolbox.run`."""
        return self.container.execute(command, timeout=timeout)

    def at_terminal(self, command: Sequence[str]) -> int:
        """As `Toolbox.at_terminal`."""
        words = [*self.program, "exec", "-it", self.container.id, *(command or _SHELL)]
        code = subprocess.run(words, check=False).returncode
        return code if code >= 0 else 128 - code


@dataclass(frozen=True, slots=True)
class _InSandbox:
    """A toolbox that is made anew for each command, which ends with it."""

    sandbox: Engine
    name: str
    options: RunOptions

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """As `Toolbox.run`."""
        options = replace(self.options, entrypoint=tuple(command))
        return self.sandbox.run(self.name, options, timeout=timeout)

    def at_terminal(self, command: Sequence[str]) -> int:
        """As `Toolbox.at_terminal`."""
        options = replace(self.options, entrypoint=tuple(command or _SHELL))
        with self.sandbox.attach(self.name, options) as attached:
            return attached.wait() or 0


@dataclass(frozen=True, slots=True)
class _BesideSandbox:
    """A toolbox in a sandbox that runs."""

    joined: Joined

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """As `Toolbox.run`."""
        return self.joined.run(command, timeout)

    def at_terminal(self, command: Sequence[str]) -> int:
        """As `Toolbox.at_terminal`."""
        return self.joined.attach(command or _SHELL)


@contextmanager
def toolbox(
    machine: Machine, target: str, image: str = "toolbox:13", engine_name: str | None = None
) -> Iterator[Toolbox]:
    """A toolbox out of the store, for a running container or sandbox, or an image of the store.

    Of what runs it has the processes and the network; of an image, which is not started, the
    files. They are below `/target`, those of images and sandboxes read-only. `engine_name` is
    podman, docker or sandbox; None looks for a container in the first of podman and docker that
    works, then for a sandbox of this user by its id or image, then for an image, which it shows in
    the sandbox. NotFoundError if there is none or the toolbox is not in the store; InputError if
    several sandboxes of an image run; EngineError if no engine works or it does not run.
    """
    found, beside = _where(machine, target, engine_name)
    if isinstance(found, Sandbox) and (one := running_sandbox(machine.home.sandboxes, target)):
        with _joined(machine, found, one, image) as box:
            yield box
        return
    options = _beside(target) if beside else _over(machine, target)
    layout, name = machine.home.store, f"localhost/ironhull-toolbox:{os.getpid()}"
    manifest = _toolbox_image(layout, image, target)
    found.load(layout, manifest, [name])
    try:
        if found.name == "sandbox":
            yield _InSandbox(found, name, options)
            return
        with _started(found, name, replace(options, entrypoint=_FOR_EVER), target) as box:
            if beside:
                box.execute(("ln", "-sfn", "/proc/1/root", TARGET))
            yield _InEngine(_program(found, engine_settings(machine)), box)
    finally:
        found.remove(name)


def _toolbox_image(layout: ImageLayout, image: str, target: str) -> Descriptor:
    try:
        return choose_manifest(layout, stored(layout, image))
    except NotFoundError as error:
        raise NotFoundError(
            f"{target} is there, the toolbox to look into it with is not: {error}"
        ) from None


def _where(machine: Machine, target: str, engine_name: str | None) -> tuple[Engine, bool]:
    """The engine for the toolbox, and whether the target is a container that runs there."""
    settings, layout = engine_settings(machine), machine.home.store
    try:
        found = engine(engine_name, settings, CONTAINER_ENGINES)
    except EngineError:
        # Sandboxes and files of an image can be looked at without one.
        if engine_name or not _in_sandbox(machine, target):
            raise
        return engine("sandbox", settings), False
    if found.name == "sandbox":
        if not _in_sandbox(machine, target):
            raise _not_running(machine, target)
        return found, False
    # A wrong name is said before a toolbox is asked for.
    inspect = [*_program(found, settings), "container", "inspect", target]
    if call(inspect, timeout=60).code == 0:
        return found, True
    if not (_is_image(layout, target) if engine_name else _in_sandbox(machine, target)):
        raise _not_running(machine, target) if is_id(target) else _unknown(found, target)
    return (found if engine_name else engine("sandbox", settings)), False


def _is_image(layout: ImageLayout, name: str) -> bool:
    try:
        stored(layout, name)
    except NotFoundError:
        return False
    return True


def _in_sandbox(machine: Machine, name: str) -> bool:
    """Whether the sandbox can show it: a sandbox that runs or an image."""
    if running_sandbox(machine.home.sandboxes, name):
        return True
    return not is_id(name) and _is_image(machine.home.store, name)


def _not_running(machine: Machine, name: str) -> NotFoundError:
    if not is_id(name):
        try:
            stored(machine.home.store, name)
        except NotFoundError as error:
            return error
    known = ", ".join(map(str, running_sandboxes(machine.home.sandboxes))) or "none"
    return NotFoundError(
        f"no {name} runs that was started by this user from this home with `ironhull run`: it has "
        f"ended or was never there (those that run: {known})"
    )


@contextmanager
def _joined(
    machine: Machine, sandbox: Sandbox, one: RunningSandbox, image: str
) -> Iterator[Toolbox]:
    layout, name = machine.home.store, f"localhost/ironhull-toolbox:{os.getpid()}"
    manifest = _toolbox_image(layout, image, str(one))
    sandbox.load(layout, manifest, [name])
    try:
        with joined(sandbox, name, one.target, TARGET, machine.home.sandboxes) as found:
            yield _BesideSandbox(found)
    finally:
        sandbox.remove(name)


def _beside(container: str) -> RunOptions:
    joined = f"container:{container}"
    return RunOptions(user="0", cap_add=("SYS_PTRACE",), network=joined, processes=joined)


def _over(machine: Machine, image: str) -> RunOptions:
    layout = machine.home.store
    manifest = choose_manifest(layout, stored(layout, image))
    files = unpacked(layout, manifest, machine.home.unpacked)
    return RunOptions(user="0", network="none", mounts=(Mount(files, TARGET),))


def _program(found: Engine, settings: EngineSettings) -> tuple[str, ...]:
    if found.name == "podman":
        return ("podman", *settings.podman)
    return (found.name, *(("-H", settings.docker_host) if settings.docker_host else ()))


def _started(found: Engine, image: str, options: RunOptions, container: str) -> Container:
    try:
        return found.start(image, options)
    except EngineError as error:
        if "no such container" not in str(error).lower():
            raise
        raise _unknown(found, container) from None


def _unknown(found: Engine, target: str) -> NotFoundError:
    return NotFoundError(
        f"{found.name} has no container {target!r}, and the store no image of that name "
        f"(`{found.name} ps` lists containers that run, `ironhull images` images; "
        "--engine chooses another engine)"
    )
