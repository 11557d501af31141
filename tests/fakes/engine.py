"""A container engine in memory: it runs Python functions instead of programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ironhull.engine.interface import (
    Attached,
    BuildRequest,
    BuildResult,
    RunOptions,
    RunResult,
    StopResult,
)
from ironhull.errors import EngineError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.store.layout import ImageLayout

Program = Callable[[tuple[str, ...]], RunResult]


def said(stdout: str = "", exit_code: int = 0, stderr: str = "") -> RunResult:
    return RunResult(exit_code, stdout, stderr, 0.01)


@dataclass
class FakeContainer:
    engine: FakeEngine
    id: str
    ports: Mapping[str, tuple[str, int]]
    alive: bool = True
    log: tuple[str, str] = ("", "")
    stopped: StopResult = field(default_factory=lambda: StopResult(0, 0.1, killed=False))
    removed: bool = False

    def __enter__(self) -> FakeContainer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def execute(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60,
        user: str | None = None,
        workdir: str | None = None,
    ) -> RunResult:
        self.engine.executed.append(tuple(command))
        return self.engine.program(tuple(command))

    def running(self) -> bool:
        return self.alive

    def logs(self) -> tuple[str, str]:
        return self.log

    def port(self, port: str) -> tuple[str, int]:
        if port not in self.ports:
            raise EngineError(f"{port} is not published")
        return self.ports[port]

    def wait(self, timeout: float) -> int | None:
        return None if self.alive else 0

    def stop(self, grace: int = 10) -> StopResult:
        self.alive = False
        return self.stopped

    def remove(self) -> None:
        self.removed = True


@dataclass
class FakeEngine:
    """`program` answers every command; `ports` are what containers publish."""

    program: Program = lambda command: said()
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    name: str = "fake"
    images: dict[str, Descriptor] = field(default_factory=dict)
    ran: list[RunOptions] = field(default_factory=list)
    executed: list[tuple[str, ...]] = field(default_factory=list)
    containers: list[FakeContainer] = field(default_factory=list)
    prepare: Callable[[FakeContainer], None] = lambda container: None

    def version(self) -> str:
        return "1.0"

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        self.images |= dict.fromkeys(names, manifest)
        return manifest.digest

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        raise EngineError("no registry")

    def exists(self, image: str) -> bool:
        return image in self.images

    def inspect(self, image: str) -> Mapping[str, Any]:
        if image not in self.images:
            raise NotFoundError(f"fake has no image {image}")
        return {}

    def size(self, image: str) -> int:
        return 1

    def remove(self, image: str) -> None:
        self.images.pop(image, None)

    def build(self, request: BuildRequest) -> BuildResult:
        return BuildResult("sha256:" + "0" * 64, 0.1, "")

    def run(self, image: str, options: RunOptions, *, timeout: float = 60) -> RunResult:
        self.ran.append(options)
        return self.program((*(options.entrypoint or ()), *options.command))

    def attach(self, image: str, options: RunOptions) -> Attached:
        raise EngineError("a fake has no foreground")

    def start(self, image: str, options: RunOptions) -> FakeContainer:
        self.ran.append(options)
        container = FakeContainer(self, f"c{len(self.containers)}", self.ports)
        self.prepare(container)
        self.containers.append(container)
        return container
