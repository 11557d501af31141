"""Run a definition's tests in its built image, with a container engine.

A test of one command is one container that runs it. For several commands, or a command beside a
server, one container is kept open and the commands are run in it; images without a shell are kept
open by a program of a few bytes that is mounted into them.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ironhull.definition.model import READER, HttpProbe, ImageDefinition, ImageTest
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import HARDENED, Container, Engine, Mount, RunOptions, RunResult
from ironhull.engine.probe import pause_program, read_program
from ironhull.errors import EngineError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.progress import Progress
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass

_PAUSE = "/dev/ironhull-pause"
_GRACE = 10
_STARTING = 10
"""Seconds in which a server may still refuse what is asked of it first."""
_MAX_BODY = 1 << 20
_KEPT = 4000
_LINES = 6


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """One command of a test: how it ended, and the end of what it said."""

    command: tuple[str, ...]
    exit_code: int
    seconds: float
    output: str


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One test; `reason` is empty if it passed, else says what was got and what was expected."""

    __test__ = False  # pytest collects classes of this name

    name: str
    place: str
    reason: str
    seconds: float
    commands: tuple[CommandOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all of its commands and its probe did."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class TestReport:
    """All tests of one image on this machine's platform."""

    __test__ = False

    image: Digest
    manifest: Digest
    engine: str
    engine_version: str
    outcomes: tuple[TestOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every test that ran passed."""
        return all(outcome.passed for outcome in self.outcomes)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is the answer: what is under test shall not send us anywhere."""

    def redirect_request(self, *args: object) -> None:
        return None


class _Failed(Exception):
    """A test says no; the text is its reason."""


def run_tests(
    engine: Engine,
    layout: ImageLayout,
    descriptor: Descriptor,
    definition: ImageDefinition,
    host: HostSettings,
    progress: Progress,
) -> TestReport:
    """Run every test of the definition in the image for this machine's platform.

    `host` is given to tests that ask for the network, and to no other. EngineError if the engine
    fails; a test that fails is an outcome. The engine is left as it was.
    """
    manifest = choose_manifest(layout, descriptor)
    name = f"localhost/ironhull-test:{hex_of(manifest.digest)[:12]}-{os.getpid()}"
    engine.load(layout, manifest, [name])
    outcomes = []
    try:
        tests = [
            test
            for test in definition.tests
            if not test.platforms or manifest.platform in (None, *test.platforms)
        ]
        advance = progress.start("running tests", len(tests), "tests")
        for test in tests:
            outcomes.append(_Run(engine, name, test, host).outcome())
            advance(1)
    finally:
        engine.remove(name)
    return TestReport(
        descriptor.digest, manifest.digest, engine.name, engine.version(), tuple(outcomes)
    )


def test_options(test: ImageTest, host: HostSettings) -> RunOptions:
    """How the container of a test is run: as little as the test allows."""
    options = replace(HARDENED, network="none")
    if test.writable:
        options = RunOptions(network="none")
    if test.network:
        options = replace(options, network="host", mounts=host.mounts, environment=host.environment)
    elif test.http is not None:
        # Publishing needs a network; the engine's default one.
        options = replace(options, network=None, publish=(f"127.0.0.1::{test.http.port}",))
    return replace(options, user=test.user, workdir=test.directory)


test_options.__test__ = False  # type: ignore[attr-defined]


class _Run:
    def __init__(self, engine: Engine, image: str, test: ImageTest, host: HostSettings) -> None:
        self._engine = engine
        self._image = image
        self._test = test
        self._options = test_options(test, host)
        self._commands: list[CommandOutcome] = []

    def outcome(self) -> TestOutcome:
        began = time.monotonic()
        reason = ""
        try:
            if self._test.reader:
                with mounted_program(read_program(), READER) as mount:
                    mounts = (*self._options.mounts, mount)
                    self._options = replace(self._options, mounts=mounts)
                    self._run()
            else:
                self._run()
        except _Failed as failed:
            reason = str(failed)
        test = self._test
        seconds = time.monotonic() - began
        return TestOutcome(test.name, str(test.place), reason, seconds, tuple(self._commands))

    def _run(self) -> None:
        test = self._test
        if test.background or test.http is not None:
            self._beside_server()
        elif len(test.commands) == 1:
            options = replace(self._options, entrypoint=test.commands[0])
            result = self._engine.run(self._image, options, timeout=test.timeout)
            self._judge(test.commands[0], result, last=True)
        else:
            with self._paused() as container:
                self._all(container, test.commands)

    def _beside_server(self) -> None:
        """A server as the main process, the image's own unless the test brings one."""
        test = self._test
        own = not test.commands
        server = None if own else test.commands[0]
        options = replace(self._options, entrypoint=server)
        with self._engine.start(self._image, options) as container:
            try:
                if test.http is not None:
                    self._ask(container, test.http)
                self._all(container, test.commands[1:], starting=not own)
            except _Failed as failed:
                raise _Failed(f"{failed}{_said(container)}") from None
            if not container.running():
                raise _Failed(f"the server has ended{_said(container)}")
            if own:
                self._stop(container)

    def _stop(self, container: Container) -> None:
        result = container.stop(_GRACE)
        if result.killed:
            raise _Failed(f"did not end within {_GRACE} seconds of its stop signal")

    @contextmanager
    def _paused(self) -> Iterator[Container]:
        with mounted_program(pause_program(), _PAUSE) as mount:
            mounts = (*self._options.mounts, mount)
            options = replace(self._options, entrypoint=(_PAUSE,), mounts=mounts)
            with self._engine.start(self._image, options) as container:
                yield container

    def _all(
        self, container: Container, commands: Sequence[tuple[str, ...]], *, starting: bool = False
    ) -> None:
        for number, command in enumerate(commands, 1):
            patience = _STARTING if starting and number == 1 else 0
            result = self._executed(container, command, patience)
            self._judge(command, result, last=number == len(commands))

    def _executed(
        self, container: Container, command: tuple[str, ...], patience: float
    ) -> RunResult:
        """What it ended with; again so long as it fails beside a server that has just started."""
        test, end = self._test, time.monotonic() + patience
        while True:
            result = container.execute(command, timeout=test.timeout)
            late = result.timed_out or time.monotonic() >= end
            if result.exit_code == test.exit_code or late or not container.running():
                return result
            time.sleep(0.1)

    def _judge(self, command: tuple[str, ...], result: RunResult, *, last: bool) -> None:
        test = self._test
        output = result.stdout + result.stderr
        kept = output if len(output) <= _KEPT else f"…{output[-_KEPT:]}"
        self._commands.append(CommandOutcome(command, result.exit_code, result.seconds, kept))
        shown = " ".join(" ".join(command).split())
        shown = shown if len(shown) <= 100 else f"{shown[:100]}…"
        if result.timed_out:
            raise _Failed(f"{shown}: not done after {test.timeout} seconds{_tail(output)}")
        if result.exit_code != test.exit_code:
            raise _Failed(
                f"{shown}: exit code {result.exit_code}, expected {test.exit_code}{_tail(output)}"
            )
        if last and test.output is not None and not re.search(test.output, output):
            raise _Failed(f"{shown}: expected output like {test.output!r}{_tail(output)}")

    def _ask(self, container: Container, probe: HttpProbe) -> None:
        """Ask until it answers as it should; a wrong answer is final only when time is up."""
        end = time.monotonic() + self._test.timeout
        host, port = "127.0.0.1", probe.port
        if self._options.publish:
            host, port = _published(container, probe.port)
        problem = "no answer"
        while time.monotonic() < end and container.running():
            problem = _answer(f"http://{host}:{port}{probe.path}", probe)
            if not problem:
                return
            time.sleep(0.1)
        raise _Failed(f"port {probe.port}, {probe.path}: {problem}")


@contextmanager
def mounted_program(data: bytes, path: str) -> Iterator[Mount]:
    """A program of our own to be mounted at a path of the container."""
    with tempfile.TemporaryDirectory(prefix="ironhull-program-") as folder:
        file = Path(folder) / "program"
        file.write_bytes(data)
        Path(folder).chmod(0o755)
        file.chmod(0o755)
        yield Mount(file, path)


def _published(container: Container, port: int) -> tuple[str, int]:
    try:
        return container.port(f"{port}/tcp")
    except EngineError:
        # An ended container has no ports: that is the test's failure, not the engine's.
        if container.running():
            raise
        raise _Failed("the server has ended") from None


def _answer(url: str, probe: HttpProbe) -> str:
    """Empty if the server answers as expected, else what is wrong."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(url, timeout=5) as answer:
            status, body = answer.status, answer.read(_MAX_BODY)
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read(_MAX_BODY)
    except (OSError, ValueError) as error:
        return f"no answer ({error})"
    if status != probe.status:
        return f"status {status}, expected {probe.status}"
    text = body.decode("utf-8", "replace")
    if probe.body is not None and not re.search(probe.body, text):
        return f"expected a body like {probe.body!r}, got {text[:200]!r}"
    return ""


def _said(container: Container) -> str:
    stdout, stderr = container.logs()
    return _tail(stdout + stderr)


def _tail(output: str) -> str:
    """The output in few lines: programs say what happened first, or last."""
    lines = output.strip().splitlines()
    if len(lines) > 2 * _LINES:
        lines = [*lines[:_LINES], "…", *lines[-_LINES:]]
    return "".join(f"\n    {line[:300]}" for line in lines)
