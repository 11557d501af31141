"""A watcher whose images are made by a Dask cluster, as its own commands start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes.running_server import serving
from tests.fakes.watched import APP, TOOL, Watched

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
DASK = ROOT / ".venv/bin/dask"


class Cluster:
    """A scheduler and workers, each a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        self._wait(lambda: self.file.is_file() and self.file.stat().st_size > 0)
        self.address = json.loads(self.file.read_text())["address"]

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

    def _wait(self, ready) -> None:
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


def watch(shop: Watched, executor: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(ROOT / ".venv/bin/ironhull", "watch", "--once", "--no-advisories", "--json"),
            *("--publish", shop.publish, "--executor", executor, "--max-age", "0"),
        ],
        env=os.environ
        | {
            "IRONHULL_HOME": str(shop.settings.home),
            "IRONHULL_CATALOG": str(shop.settings.catalog),
            "IRONHULL_MIRROR": str(shop.settings.mirror),
            "IRONHULL_KEYRING": str(shop.settings.keyring),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str]) -> dict[str, tuple[str, str]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return {one["image"]: (one["result"], one["digest"]) for one in json.loads(out)["done"]}


def test_a_cluster_makes_the_same_images_and_what_a_killed_worker_had_is_done_by_another(
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "registry") as server, cluster(tmp_path / "dask") as dask:
        shop = Watched(tmp_path, f"{server.host}/base")
        first = dask.worker()
        # It has taken the tasks and does not move any more: then it is killed.
        os.kill(first.pid, signal.SIGSTOP)
        running = watch(shop, f"dask:{dask.address}")
        with shop.state() as state:
            deadline = time.monotonic() + 60
            while len(state.attempts()) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert [each.result for each in state.attempts()] == ["running", "running"]
        first.kill()
        dask.worker()
        found = done(running)
        assert {name: result for name, (result, _) in found.items()} == {
            APP: "published", TOOL: "published",
        }  # fmt: skip
        with shop.state() as state:
            assert [each.result for each in state.attempts()] == ["published"] * 2

        (tmp_path / "alone").mkdir()
        alone = Watched(tmp_path / "alone", key=False)
        (alone.folder / "mirror").rename(alone.folder / "other")
        (alone.folder / "mirror").symlink_to(shop.folder / "mirror")
        assert {name: one.digest for name, one in alone.watch().done.items()} == {
            name: digest for name, (_, digest) in found.items()
        }


def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path) -> None:
    shop = Watched(tmp_path, key=False)
    process = watch(shop, "dask:tcp://127.0.0.1:9")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in err
