"""One run of an image: wait until it answers, ask, call its health check, stop it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException

from ironhull.engine.interface import HARDENED, Container, Engine, RunOptions
from ironhull.errors import EngineError
from ironhull.inventory.model import ImageConfig
from ironhull.migrate.proof.model import Answer, Ended, Request, Service

READY = 60.0
"""Seconds that an application may take until it answers."""
_SECONDS = 10.0
_LARGEST = 1 << 20
_GRACE = 10
_RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Way:
    """How an image is run, and where what listened on a port of the old image listens in it."""

    options: RunOptions
    ports: dict[int, int] = field(default_factory=dict)


def hardened_way(plain: RunOptions, ports: dict[int, int], *, init: bool) -> Way:
    """As a hardened image has to be able to run: read-only, without capabilities."""
    options = replace(HARDENED, environment=plain.environment, init=init)
    return Way(options, ports)


def flags_of(options: RunOptions) -> tuple[str, ...]:
    """The options as one types them."""
    words = ["--read-only"] if options.read_only else []
    words += [f"--tmpfs {path}" for path in options.tmpfs]
    words += [f"--cap-drop={name}" for name in options.cap_drop]
    words += [f"--security-opt={name}" for name in options.security_opt]
    words += ["--init"] if options.init else []
    return tuple(words)


def served(
    engine: Engine, image: str, way: Way, config: ImageConfig, requests: Sequence[Request]
) -> Service:
    """Start it, ask all requests, stop it. EngineError with its last words if it never answers."""
    asked = sorted({way.ports.get(one.port, one.port) for one in requests})
    options = replace(way.options, publish=tuple(f"127.0.0.1::{port}" for port in asked))
    with engine.start(image, options) as container:
        _wait(container, asked[0])
        answers = tuple(_ask(container, way.ports.get(one.port, one.port), one) for one in requests)
        health = _health(container, config)
        stopped = container.stop(_GRACE)
    return Service(
        flags_of(way.options), answers, health, stopped.seconds, stopped.exit_code, stopped.killed
    )


def ended(engine: Engine, image: str, way: Way, command: tuple[str, ...]) -> Ended:
    """Run it to its end with these arguments, or with its own command."""
    options = replace(way.options, command=command)
    done = engine.run(image, options, timeout=_RUN_SECONDS)
    return Ended(command, done.exit_code, done.stdout, done.stderr, done.timed_out)


def _wait(container: Container, port: int) -> None:
    end, pause = time.monotonic() + READY, 0.05
    while time.monotonic() < end:
        if not _ask(container, port, Request("GET", "/")).problem:
            return
        if not container.running():
            raise EngineError(f"it ended by itself{_said(container)}")
        time.sleep(pause)
        pause = min(pause * 2, 1)
    raise EngineError(f"nothing answers on port {port} after {READY:.0f} s{_said(container)}")


def _ask(container: Container, port: int, request: Request) -> Answer:
    try:
        host, number = container.port(f"{port}/tcp")
    except EngineError as error:
        # It has ended already.
        return Answer(0, problem=str(error))
    local = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104
    connection = HTTPConnection(local, number, timeout=_SECONDS)
    try:
        # The same name for both: some applications answer with the host that they were asked by.
        headers = {"Host": "localhost"}
        if request.body:
            headers["Content-Type"] = "application/json"
        connection.request(request.method, request.path, request.body or None, headers)
        response = connection.getresponse()
        body = response.read(_LARGEST).decode("utf-8", "replace")
        return Answer(response.status, response.getheader("Content-Type", ""), body)
    except (OSError, HTTPException) as error:
        return Answer(0, problem=str(error) or type(error).__name__)
    finally:
        connection.close()


def _health(container: Container, config: ImageConfig) -> Ended | None:
    kind, *words = config.healthcheck or ("NONE",)
    if kind == "CMD-SHELL":
        command = ("/bin/sh", "-c", *words)
    elif kind == "CMD":
        command = tuple(words)
    else:
        return None
    done = container.execute(command, timeout=30)
    return Ended(command, done.exit_code, done.stdout, done.stderr, done.timed_out)


def _said(container: Container) -> str:
    out, err = container.logs()
    text = "\n".join((out + err).strip().splitlines()[-8:])
    return f"; it said: {text[-1000:]}" if text else ""
