"""A watcher whose images are made by a Dask cluster, as its own commands start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.dask import cluster
from tests.fakes.deb import file
from tests.fakes.running_server import serving
from tests.fakes.watched import APP, TOOL, Watched

from ironhull.state.watch_records import Attempt

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


def watch(shop: Watched, executor: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(ROOT / ".venv/bin/ironhull", "watch", "--no-advisories", "--json"),
            *("--publish", shop.publish, "--executor", executor, "--max-age", "0"),
            *(more or ("--once",)),
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


def test_a_scheduler_that_dies_and_comes_back_is_found_again(tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as server, cluster(tmp_path / "dask") as dask:
        shop = Watched(tmp_path, f"{server.host}/base")
        policy = tmp_path / "policy.toml"
        policy.write_text(
            '[gate]\ntests = "if-possible"\n[patience]\nfirst = "1s"\nlongest = "1s"\n'
        )
        stuck = dask.worker()
        os.kill(stuck.pid, signal.SIGSTOP)
        running = watch(shop, f"dask:{dask.address}", "--interval", "1s", "--policy", str(policy))
        try:
            until(lambda: [each.result for each in attempts(shop)] == ["running"] * 2)
            dask.scheduler.kill()
            dask.scheduler.wait(20)
            stuck.kill()
            until(lambda: {each.result for each in attempts(shop)} == {"failed"})
            dask.scheduler = dask.schedule(dask.address.rpartition(":")[2])
            dask.worker()
            until(lambda: {each.image for each in published_by(shop)} == {APP, TOOL})
            assert len(published_by(shop)) == 2, "nothing is published twice"
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                _, err = running.communicate(timeout=60)
            finally:
                running.kill()
        assert "Traceback" not in err, err


def attempts(shop: Watched) -> list[Attempt]:
    with shop.state() as state:
        return state.attempts()


def published_by(shop: Watched) -> list[Attempt]:
    return [each for each in attempts(shop) if each.result == "published"]


def until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


ASK = """
import sys
from ironhull.errors import EnvironmentProblem
from ironhull.workspace import watch_executors
watch_executors._PATIENCE = 1
for address in sys.argv[1:]:
    try:
        with watch_executors.workers(address):
            sys.exit("there is none")
    except EnvironmentProblem as error:
        print(error)
"""


def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Nobody listens; a registry does; the certificates are not there."""
    with serving(tmp_path / "registry") as server:
        addresses = ("tcp://127.0.0.1:9", f"tcp://{server.host}", "tls://127.0.0.1:9")
        asked = subprocess.run(
            [sys.executable, "-c", ASK, *(f"dask:{each}" for each in addresses)],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    nobody, other, unsure = asked.stdout.splitlines()
    assert nobody.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: ")
    assert other.startswith(f"no Dask scheduler answers at tcp://{server.host}: ")
    assert "there are no certificates for it" in unsure


def test_a_cluster_makes_what_is_made_from_others_after_those(tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as server, cluster(tmp_path / "dask") as dask:
        shop = Watched(tmp_path, f"{server.host}/base")
        shop.offer(shop.deb("app", "1", files={"usr/share/app/data": file("1")}))
        shop.derive("mid", "app:1")
        shop.derive("a-top", "mid:1")
        for _ in range(2):
            dask.worker()
        chain = [APP, "mid:1-debian13", "a-top:1-debian13"]
        first = done(watch(shop, f"dask:{dask.address}"))
        assert [name for name in first if name != TOOL] == chain
        shop.offer(shop.deb("app", "2", files={"usr/share/app/data": file("2")}))
        second = done(watch(shop, f"dask:{dask.address}"))
        assert list(second) == chain
        assert {result for result, _ in second.values()} == {"published"}
