"""A Dask cluster of this machine, as its own commands start it; for as long as a block lasts."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DASK = Path(__file__).parents[2] / ".venv/bin/dask"


class Cluster:
    """A scheduler and workers, each a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.schedule("0")
        self.address = json.loads(self.file.read_text())["address"]

    def schedule(self, port: str) -> subprocess.Popen[bytes]:
        self.file.unlink(missing_ok=True)
        process = self.start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-show")
        self._wait(lambda: self.file.is_file() and self.file.stat().st_size > 0)
        return process

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.folder / f"dask{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [DASK, *words, "--scheduler-file", self.file, "--no-dashboard"],
                cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        process = self.start("worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny")
        log = self.folder / f"dask{len(self.processes) - 1}.log"
        self._wait(lambda: b"Registered to" in log.read_bytes())
        return process

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait(20)

    def _wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < deadline, [
                path.read_text()[-2000:] for path in self.folder.glob("dask*.log")
            ]
            time.sleep(0.1)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    folder.mkdir()
    found = Cluster(folder)
    try:
        yield found
    finally:
        found.end()
