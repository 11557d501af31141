"""What every container engine can be asked, whichever it is, and the values of question and answer.

One file per engine implements it: podman, docker, buildah (which builds and does not run), sandbox
(which runs; `migrate/building` builds with it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from ironhull.oci.descriptor import Descriptor
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host that a container sees; read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a container. The defaults are the engine's."""

    entrypoint: tuple[str, ...] | None = None
    """Instead of the image's entrypoint and command; None keeps the image's."""
    command: tuple[str, ...] = ()
    """Instead of the image's command."""
    user: str | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    network: str | None = None
    """none, host, bridge, `container:ID`; None: the engine's default."""
    processes: str | None = None
    """`container:ID`: sees the processes of a running container too; None: only its own."""
    publish: tuple[str, ...] = ()
    """As `-p` writes it: `127.0.0.1::8080` lets the engine choose the host's port."""
    mounts: tuple[Mount, ...] = ()
    memory: str | None = None
    init: bool = False


HARDENED = RunOptions(
    read_only=True,
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    cap_drop=("all",),
    security_opt=("no-new-privileges",),
)
"""How a hardened image has to be able to run."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a program in a container ended. Output is cut after some megabytes, and says so."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class StopResult:
    """How a container ended when it was told to."""

    exit_code: int
    seconds: float
    killed: bool
    """It did not end within the grace given and was killed (exit code 137)."""


class Container(Protocol):
    """A container that was started; leaving its `with` block removes it, running or not."""

    id: str

    def __enter__(self) -> Container: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def execute(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60,
        user: str | None = None,
        workdir: str | None = None,
    ) -> RunResult:
        """Run a program in it; 126 and 127: it could not be started, as shells have it."""
        ...

    def running(self) -> bool:
        """Whether its first process still runs."""
        ...

    def logs(self) -> tuple[str, str]:
        """Standard output and standard error so far."""
        ...

    def port(self, port: str) -> tuple[str, int]:
        """Host and port where `8080/tcp` was published."""
        ...

    def wait(self, timeout: float) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds."""
        ...

    def stop(self, grace: int = 10) -> StopResult:
        """The image's stop signal, then a kill after `grace` seconds."""
        ...

    def remove(self) -> None:
        """Remove it, running or not; one that is gone already is no error."""
        ...


class Attached(Protocol):
    """A container whose input, output and errors are this process's own; the block removes it."""

    def __enter__(self) -> Attached: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def send(self, number: int) -> None:
        """A signal to its first process."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A Dockerfile to build. Nothing of `files` and `environment` gets into the image's config."""

    dockerfile: Path
    context: Path
    tag: str
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)
    """Images that FROM and COPY --from name → images that the engine has, to take instead."""
    files: tuple[Mount, ...] = ()
    """Seen by RUN steps only: certificates, settings of package managers."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of RUN steps only."""
    network: str | None = None
    """Of RUN steps: host, none; None: the engine's default."""
    no_cache: bool = False
    keep_steps: bool = True
    """Leave nameless images of stages and steps in the engine, for the next build to go faster."""
    timeout: float = 3600


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A built image: its id, the log, and what had to be written differently for this engine."""

    image: str
    seconds: float
    log: str
    notes: tuple[str, ...] = ()


class Builder(Protocol):
    """An engine that holds and builds images."""

    name: str
    """podman, docker or buildah."""

    def version(self) -> str:
        """What the program says of itself; EngineError if it does not work."""
        ...

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        """Put one platform's image into the engine under the names; returns the engine's id."""
        ...

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        """Fetch an image from a registry; returns the engine's id."""
        ...

    def exists(self, image: str) -> bool:
        """Whether it has an image of that name."""
        ...

    def inspect(self, image: str) -> Mapping[str, Any]:
        """The image's OCI config object: User, Entrypoint, Cmd and the rest."""
        ...

    def size(self, image: str) -> int:
        """Bytes as the engine counts them."""
        ...

    def remove(self, image: str) -> None:
        """Forget the name, or the image if it was the last; nothing if it is not there."""
        ...

    def build(self, request: BuildRequest) -> BuildResult:
        """Build the Dockerfile; EngineError has the end of the log if a step fails."""
        ...


class Engine(Builder, Protocol):
    """An engine that runs containers too."""

    def run(self, image: str, options: RunOptions, *, timeout: float = 60) -> RunResult:
        """Run to the end, or to `timeout`; the container is removed whatever happens."""
        ...

    def start(self, image: str, options: RunOptions) -> Container:
        """Run in the background."""
        ...

    def attach(self, image: str, options: RunOptions) -> Attached:
        """Run in the foreground, with this process's input and output."""
        ...
