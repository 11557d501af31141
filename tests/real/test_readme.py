"""Every command that the README shows, in its order, as a stranger types it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.find import osv_export
from tests.fakes.claims import free_port

from ironhull.engine.find import EngineSettings

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# A machine may have a server on the port that the README shows.
SHOWN, OURS = "127.0.0.1:5000", f"127.0.0.1:{free_port()}"
COMMANDS = [
    line.removeprefix("$ ").replace(SHOWN, OURS)
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
# What the shown command may end with besides 0: findings are an answer.
FINDINGS = ("ironhull scan",)


@pytest.fixture(scope="module")
def stranger(
    tmp_path_factory: pytest.TempPathFactory, podman_settings: EngineSettings
) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a copy of the catalog, and an environment with a home of its own."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(
        ROOT / "images", folder / "images", ignore=shutil.ignore_patterns("*.lock.json")
    )
    osv_export(folder / "all.zip")
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "IRONHULL_HOME": str(folder / "home"),
        "IRONHULL_CATALOG": str(folder / "images"),
        "IRONHULL_PODMAN_ARGS": shlex.join(podman_settings.podman),
    }
    yield folder, environment
    shutil.rmtree(folder, ignore_errors=True)


def test_the_readme_shows_the_whole_way():
    verbs = {command.split()[1] for command in COMMANDS if command.startswith("ironhull")}
    assert {"build", "show", "load", "serve", "push", "scan", "compare"} <= verbs


def test_every_command_of_the_readme_works(stranger):
    folder, environment = stranger
    servers: list[subprocess.Popen[bytes]] = []
    failed: list[str] = []
    try:
        for command in COMMANDS:
            if command.startswith("make"):
                continue
            if command.endswith("&"):
                servers.append(serve(command.removesuffix("&").strip(), folder, environment))
                continue
            made = subprocess.run(
                command, shell=True, cwd=folder, env=environment, check=False,
                capture_output=True, text=True, timeout=600,
            )  # fmt: skip
            if made.returncode not in ((0, 1) if command.startswith(FINDINGS) else (0,)):
                failed.append(f"$ {command}\n{made.returncode}: {made.stderr[-1500:]}")
            elif not made.stdout and "-o" not in command:
                failed.append(f"$ {command}\nsays nothing: {made.stderr[-500:]}")
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
    assert not failed, "\n".join(failed)


def serve(command: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        shlex.split(command), cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )
    address = re.search(r"--listen (\S+)", command)[1]  # type: ignore[index]
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return server
    raise AssertionError(f"{command} does not answer")


def test_make_demo_is_among_them():
    """tests/real/test_demo.py runs it, where its images are built already."""
    assert "make demo" in COMMANDS


def test_make_test_is_what_ci_runs():
    assert "make test" in COMMANDS
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("exec make test")
