"""What podman's and docker's command lines have in common, which is nearly all of running.

Every container gets a name of ours before it starts, so that it can be removed whatever happens
to the command that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO

from ironhull.engine.interface import RunOptions, RunResult, StopResult
from ironhull.engine.process import Finished, call, foreground
from ironhull.errors import EngineError, NotFoundError

_QUICK = 60
_SLOW = 1800
_GONE = ("no such container", "no container with name", "already been removed")


def run_arguments(options: RunOptions, image: str) -> list[str]:
    """The options as podman and docker write them, the image, and what runs in it."""
    words: list[str] = []
    flags: list[tuple[str, Sequence[str]]] = [
        ("--user", [options.user] if options.user else []),
        ("--workdir", [options.workdir] if options.workdir else []),
        ("--env", [f"{key}={value}" for key, value in options.environment.items()]),
        ("--tmpfs", options.tmpfs),
        ("--cap-drop", options.cap_drop),
        ("--cap-add", options.cap_add),
        ("--security-opt", options.security_opt),
        ("--network", [options.network] if options.network else []),
        ("--pid", [options.processes] if options.processes else []),
        ("--publish", options.publish),
        ("--memory", [options.memory] if options.memory else []),
    ]
    for flag, values in flags:
        words += [f"{flag}={value}" for value in values]
    for mount in options.mounts:
        mode = "rw" if mount.writable else "ro"
        words.append(f"--volume={mount.source}:{mount.target}:{mode}")
    words += ["--read-only"] * options.read_only + ["--init"] * options.init
    command = list(options.command)
    if options.entrypoint is not None:
        # The flag takes one word; what follows is in front of the command.
        first, *rest = options.entrypoint or ("",)
        words.append(f"--entrypoint={first}")
        command = rest + command
    return [*words, image, *command]


class CommandLine:
    """An engine's program with the words that always follow it."""

    def __init__(
        self, name: str, program: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.program = tuple(program)
        self.environment = dict(environment or {})

    def call(
        self,
        *words: str,
        timeout: float | None = _QUICK,
        feed: Callable[[BinaryIO], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run it; the exit code is the caller's to judge."""
        return call(
            [*self.program, *words],
            timeout=timeout,
            feed=feed,
            environment={**self.environment, **(environment or {})},
        )

    def ask(
        self,
        *words: str,
        timeout: float | None = _QUICK,
        feed: Callable[[BinaryIO], None] | None = None,
    ) -> str:
        """Standard output, stripped; EngineError if it fails or takes longer than `timeout`."""
        finished = self.call(*words, timeout=timeout, feed=feed)
        verb = " ".join(words[:2])
        if finished.timed_out:
            raise EngineError(f"{self.name} {verb} took longer than {timeout} seconds")
        if finished.code != 0:
            raise EngineError(f"{self.name} {verb}: {finished.words}")
        return finished.stdout.strip()


class Images:
    """What podman and docker say about images in the same words."""

    def __init__(self, line: CommandLine) -> None:
        self.line = line
        self.name = line.name

    def exists(self, image: str) -> bool:
        """As `Builder.exists`."""
        try:
            self._inspected(image)
        except NotFoundError:
            return False
        return True

    def _inspected(self, image: str) -> dict[str, Any]:
        finished = self.line.call("image", "inspect", image)
        if finished.code != 0:
            if "no such" in finished.stderr.lower() or "not known" in finished.stderr.lower():
                raise NotFoundError(f"{self.name} has no image {image}")
            raise EngineError(f"{self.name} image inspect {image}: {finished.words}")
        try:
            value = json.loads(finished.stdout)[0]
        except (ValueError, IndexError, KeyError):
            value = None
        if not isinstance(value, dict):
            raise EngineError(f"{self.name} image inspect {image}: not the JSON expected")
        return value

    def inspect(self, image: str) -> Mapping[str, Any]:
        """As `Builder.inspect`."""
        value = self._inspected(image).get("Config")
        return value if isinstance(value, dict) else {}

    def size(self, image: str) -> int:
        """As `Builder.size`."""
        value = self._inspected(image).get("Size")
        return value if isinstance(value, int) else 0

    def image_id(self, image: str) -> str:
        """The engine's id, `sha256:` in front as docker writes it."""
        value = str(self._inspected(image).get("Id"))
        return value if value.startswith("sha256:") else f"sha256:{value}"

    def remove(self, image: str) -> None:
        """As `Builder.remove`."""
        # An image of many layers takes long, and its layers are left behind if rmi is killed.
        finished = self.line.call("rmi", image, timeout=_SLOW)
        if finished.code != 0 and (finished.timed_out or self.exists(image)):
            raise EngineError(f"{self.name} rmi {image}: {finished.words}")


class Running:
    """A container by the name that we gave it."""

    def __init__(self, line: CommandLine, name: str) -> None:
        self._line = line
        self.id = name

    def __enter__(self) -> Running:
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
        """Run a program in it; EngineError only if the container itself has ended."""
        words = ["exec"]
        words += [f"--user={user}"] if user else []
        words += [f"--workdir={workdir}"] if workdir else []
        finished = self._line.call(*words, self.id, *command, timeout=timeout)
        if finished.code == 125 and not self.running():
            raise EngineError(f"{self._line.name} exec: {finished.words}")
        return _result(finished)

    def running(self) -> bool:
        """As `Container.running`."""
        return self._state("{{.State.Running}}") == "true"

    def logs(self) -> tuple[str, str]:
        """As `Container.logs`."""
        finished = self._line.call("logs", self.id)
        return finished.stdout, finished.stderr

    def port(self, port: str) -> tuple[str, int]:
        """As `Container.port`."""
        text = self._line.ask("port", self.id, port).splitlines()
        host, _, number = (text[0] if text else "").rpartition(":")
        if not number.isdigit():
            raise EngineError(f"{self._line.name}: {port} of {self.id} is not published")
        return host, int(number)

    def wait(self, timeout: float) -> int | None:
        """As `Container.wait`."""
        end = time.monotonic() + timeout
        pause = 0.02
        while self.running():
            if time.monotonic() > end:
                return None
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        return int(self._state("{{.State.ExitCode}}"))

    def stop(self, grace: int = 10) -> StopResult:
        """As `Container.stop`."""
        clock, began = time.time(), time.monotonic()
        self._line.ask("stop", "-t", str(grace), self.id, timeout=grace + _QUICK)
        seconds = time.monotonic() - began
        code = int(self._state("{{.State.ExitCode}}"))
        killed = code == 137 and seconds >= grace
        return StopResult(code, self._ended(clock, seconds), killed)

    def _ended(self, clock: float, seconds: float) -> float:
        """Seconds from `clock` to its end: without what the engine tidies up afterwards.

        `seconds`, what the command took, where the engine has another clock than we.
        """
        try:
            text = json.loads(self._state("{{json .State.FinishedAt}}"))
            found = datetime.fromisoformat(text).timestamp() - clock
        except (ValueError, TypeError):
            return seconds
        return found if 0 <= found <= seconds else seconds

    def remove(self) -> None:
        """As `Container.remove`."""
        # -t 0 is not known to docker; killing first gives the same without waiting.
        self._line.call("kill", "--signal=KILL", self.id)
        end = time.monotonic() + _QUICK
        while True:
            finished = self._line.call("rm", "-f", "-v", self.id)
            words = finished.stderr.lower()
            if finished.code == 0 or any(one in words for one in _GONE):
                return
            # `--rm` may be at it at the same time; it is gone when that has ended.
            if "in progress" not in words or time.monotonic() > end:
                raise EngineError(f"{self._line.name} rm {self.id}: {finished.words}")
            time.sleep(0.1)

    def _state(self, template: str) -> str:
        return self._line.ask("container", "inspect", "-f", template, self.id)


def run(
    line: CommandLine, flags: Sequence[str], image: str, options: RunOptions, timeout: float
) -> RunResult:
    """Run to the end in a container that is gone afterwards."""
    name = _new_name()
    container = Running(line, name)
    words = ["run", "--rm", f"--name={name}", *flags, *run_arguments(options, image)]
    try:
        finished = line.call(*words, timeout=timeout)
    except BaseException:
        with contextlib.suppress(EngineError):
            container.remove()
        raise
    if finished.timed_out:
        container.remove()
    elif finished.code == 125:
        raise EngineError(f"{line.name} run {image}: {finished.words}")
    return _result(finished)


def start(line: CommandLine, flags: Sequence[str], image: str, options: RunOptions) -> Running:
    """Run in the background; the container is removed if it cannot be started."""
    name = _new_name()
    container = Running(line, name)
    words = ["run", "--detach", f"--name={name}", *flags, *run_arguments(options, image)]
    try:
        line.ask(*words, timeout=_QUICK)
    except BaseException:
        with contextlib.suppress(EngineError):
            container.remove()
        raise
    return container


class Foreground:
    """A container run by a command line that hands our input, output and signals on."""

    def __init__(self, line: CommandLine, name: str, command: Sequence[str]) -> None:
        self._container = Running(line, name)
        self._process = foreground([*line.program, *command], line.environment)

    def __enter__(self) -> Foreground:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._container.remove()
            self._process.wait(_QUICK)

    def send(self, number: int) -> None:
        """As `Attached.send`; podman and docker hand it on."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, timeout: float | None = None) -> int | None:
        """As `Attached.wait`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout)
            return 128 - code if code < 0 else code
        return None


def attach(line: CommandLine, flags: Sequence[str], image: str, options: RunOptions) -> Foreground:
    """Run in the foreground."""
    name = _new_name()
    words = ["run", "--rm", "-i", f"--name={name}", *flags, *run_arguments(options, image)]
    return Foreground(line, name, words)


def _new_name() -> str:
    return f"ironhull-{os.getpid()}-{secrets.token_hex(4)}"


def _result(finished: Finished) -> RunResult:
    return RunResult(
        finished.code, finished.stdout, finished.stderr, finished.seconds, finished.timed_out
    )
