"""The case study's application without Node.js: an HTTP server, and an engine that publishes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ironhull.demo.attack import TITLES
from ironhull.engine.interface import BuildRequest, BuildResult, RunOptions, RunResult
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from tests.fakes.engine import FakeEngine, said

NO_IMAGE = Descriptor("application/octet-stream", digest_of(b""), 0)


def attack_says(uid: int = 0, *, possible: bool = True, **changed: object) -> str:
    """What attack.js prints where everything is possible, or nothing is."""
    value: dict[str, object] = {
        "uid": uid,
        "capabilities": 11 if uid == 0 else 0,
        "noNewPrivileges": uid != 0,
        "node": "v20.0.0",
        "attempts": {
            name: {"done": possible, "detail": "sh" if possible else "ENOENT"} for name in TITLES
        },
    }
    return json.dumps(value | changed)


@contextmanager
def answering(healthy: int = 200, greeting: str = "") -> Iterator[tuple[str, int]]:
    """The address of a server that answers every path with its name, behind `greeting`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            sent = self.rfile.read(length).decode()
            body = f"{greeting}{self.command} {self.path} {sent}".encode()
            self.send_response(healthy if self.path == "/health" else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server looks for this name

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield "127.0.0.1", server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class AppEngine(FakeEngine):
    """Builds give images, containers publish `address`, the attack does what the options allow."""

    builds: list[BuildRequest] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pullable: frozenset[str] = frozenset()
    broken: Mapping[str, BaseException] = field(default_factory=dict)
    """Name of a Dockerfile → what its build raises."""
    running: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        self.program = self._program

    def _program(self, command: tuple[str, ...]) -> RunResult:
        if command[:2] != ("node", "-e"):
            return said()
        free = not self.running.read_only
        return said(attack_says(0 if free else 1000, possible=free))

    def start(self, image: str, options: RunOptions) -> object:  # type: ignore[override]
        self.running = options
        return super().start(image, options)

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        if reference not in self.pullable:
            return super().pull(reference)
        self.images[reference] = NO_IMAGE
        return reference

    def build(self, request: BuildRequest) -> BuildResult:
        self.builds.append(request)
        # An ended build may or may not have made its image.
        self.images[request.tag] = NO_IMAGE
        if request.dockerfile.name in self.broken:
            raise self.broken[request.dockerfile.name]
        return BuildResult(digest_of(request.tag.encode()), 1.0, "log", ("a note",))

    def remove(self, image: str) -> None:
        self.removed.append(image)
        super().remove(image)
