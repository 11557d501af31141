"""Requests to an application in a container on this machine; no proxy is asked."""

from __future__ import annotations

import time
from http.client import HTTPConnection, HTTPException

from ironhull.demo.cases import HEALTH, PORT, REQUESTS
from ironhull.demo.model import Reply
from ironhull.engine.interface import Container
from ironhull.errors import EngineError

_READY = 60.0
_SECONDS = 10.0
_LARGEST = 1 << 16


def answers(container: Container) -> tuple[Reply, ...]:
    """Wait until the application is healthy, then send all requests.

    EngineError with the container's last words if it ends or is not healthy in a minute.
    """
    address = _ready(container)
    found = []
    for method, path, body in REQUESTS:
        try:
            found.append(_ask(address, method, path, body))
        except (OSError, HTTPException) as error:
            raise EngineError(f"{method} {path}: no answer: {error}{_said(container)}") from None
    return tuple(found)


def _ready(container: Container) -> tuple[str, int]:
    host, port = container.port(PORT)
    address = ("127.0.0.1" if host in ("", "0.0.0.0", "::") else host, port)  # noqa: S104
    end, pause = time.monotonic() + _READY, 0.05
    problem = "nothing answers"
    while time.monotonic() < end:
        try:
            answer = _ask(address, "GET", HEALTH, "")
            if answer.status == 200:
                return address
            problem = f"{HEALTH} answers {answer.status}"
        except (OSError, HTTPException) as error:
            problem = str(error) or type(error).__name__
        if not container.running():
            raise EngineError(f"the application ended by itself{_said(container)}")
        time.sleep(pause)
        pause = min(pause * 2, 1)
    raise EngineError(f"not healthy after {_READY:.0f} s: {problem}{_said(container)}")


def _ask(address: tuple[str, int], method: str, path: str, body: str) -> Reply:
    connection = HTTPConnection(*address, timeout=_SECONDS)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        data = response.read(_LARGEST)
        return Reply(method, path, response.status, data.decode("utf-8", "replace"))
    finally:
        connection.close()


def _said(container: Container) -> str:
    out, err = container.logs()
    text = "\n".join((out + err).strip().splitlines()[-8:])
    return f"; it said: {text[-1000:]}" if text else ""
