"""`ironhull serve` as a process of its own, on a port of its own, for as long as a block lasts.

with serving(tmp_path / "store") as server:
    server.ask("GET", "/v2/")
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.fakes.claims import free_port


@dataclass
class RunningServer:
    process: subprocess.Popen[bytes]
    port: int
    root: Path
    log_path: Path
    pool: urllib3.PoolManager
    scheme: str = "http"

    @property
    def host(self) -> str:
        """What stands before the repository in an image's reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        return self.pool.request(
            method,
            path if path.startswith("http") else self.url + path,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=preload,
        )

    def workers(self) -> list[int]:
        """The processes that the server started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(text) for text in path.read_text().split()]

    def kill(self) -> None:
        """SIGKILL, to all of it at once; then all of it is gone, and its locks too."""
        opened: list[int] = []
        # A worker ends by itself when its parent is gone, and may be faster than this.
        for pid in [self.process.pid, *self.workers()]:
            with suppress(ProcessLookupError):
                opened.append(os.pidfd_open(pid))
        for each in opened:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(each, signal.SIGKILL)
        self.process.wait()
        for each in opened:
            select.select([each], [], [], 20)
            os.close(each)


@contextmanager
def serving(
    root: Path,
    *options: str,
    tls: str | None = None,
    prefix: tuple[str, ...] = (),
    home: Path | None = None,
    port: int | None = None,
) -> Iterator[RunningServer]:
    """A server over the layout at `root`; `tls` is the CA file its certificate is checked with.

    With a `home`, `root` is its store, and the catalog's pages are beside the registry. `port` is
    one that this process has claimed; None: any.
    """
    port = free_port() if port is None else port
    log_path = root.parent / f"{root.name}-{port}.log"
    command = [sys.executable, "-m", "ironhull.cli", "serve"]
    command += ["--data", str(root)] if home is None else []
    environment = os.environ if home is None else {**os.environ, "IRONHULL_HOME": str(home)}
    command += ["--listen", f"127.0.0.1:{port}", *options]
    with log_path.open("wb") as log:
        process = subprocess.Popen([*prefix, *command], stdout=log, stderr=log, env=environment)
    pool = urllib3.PoolManager(timeout=30, maxsize=20, ca_certs=tls)
    server = RunningServer(process, port, root, log_path, pool, "https" if tls else "http")
    try:
        _wait(server)
        yield server
    finally:
        pool.clear()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait(server: RunningServer) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended: {server.log}")
        try:
            if server.ask("GET", "/healthz").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {server.log}")
