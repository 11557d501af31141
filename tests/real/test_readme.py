"""Every command that the README and the guide show, in their order, as a stranger types it."""

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
DOCUMENTS = ("README.md", "docs/guide.md")
# A machine may have a server on the port that the README shows.
SHOWN, OURS = "127.0.0.1:5000", f"127.0.0.1:{free_port()}"


def commands_of(document: str) -> list[str]:
    """What stands after `$ ` in the console blocks of a document, in lists too."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line[2:].replace(SHOWN, OURS) for line in lines if line.startswith("$ ")]


COMMANDS = commands_of("README.md")
# What the shown command may end with besides 0: findings are an answer.
FINDINGS = "ironhull scan"


@pytest.fixture
def stranger(
    tmp_path_factory: pytest.TempPathFactory,
    podman_settings: EngineSettings,
    home_with_layers: Path,
) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a copy of the catalog, and a home of its own: who reads one document has done
    nothing of the other.

    To make layers is what test_catalog.py does: here they are made, all else is new.
    """
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(
        ROOT / "images", folder / "images", ignore=shutil.ignore_patterns("*.lock.json")
    )
    shutil.copytree(ROOT / "examples", folder / "examples")
    osv_export(folder / "all.zip")
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "IRONHULL_HOME": str(home_with_layers),
        "IRONHULL_CATALOG": str(folder / "images"),
        "IRONHULL_PODMAN_ARGS": shlex.join(podman_settings.podman),
    }
    yield folder, environment
    shutil.rmtree(folder, ignore_errors=True)


def test_the_readme_shows_the_whole_way():
    verbs = {command.split()[1] for command in COMMANDS if command.startswith("ironhull")}
    assert {
        *("build", "show", "load", "serve", "push", "attest", "verify", "scan", "compare"),
    } <= verbs


def test_the_guide_begins_at_tasks_and_shows_commands_for_each():
    tasks = (ROOT / "docs/guide.md").read_text().split("\n## ")[1:]
    assert len(tasks) == 4
    assert all("$ ironhull" in task for task in tasks)
    assert len(commands_of("docs/guide.md")) > 25


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_a_document_works(document, stranger):
    folder, environment = stranger
    servers: list[subprocess.Popen[bytes]] = []
    failed: list[str] = []
    try:
        for command in commands_of(document):
            if command.startswith("make"):
                continue
            if command.endswith("&"):
                servers.append(serve(command.removesuffix("&").strip(), folder, environment))
                continue
            made = subprocess.run(
                command, shell=True, cwd=folder, env=environment, check=False,
                capture_output=True, text=True, timeout=600,
            )  # fmt: skip
            if made.returncode not in ((0, 1) if FINDINGS in command else (0,)):
                failed.append(f"$ {command}\n{made.returncode}: {made.stderr[-1500:]}")
            elif not made.stdout and "-o" not in command and ">" not in command:
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


def test_make_install_puts_the_command_on_a_path(tmp_path):
    assert "make install" in COMMANDS
    made = subprocess.run(
        ["make", "-C", ROOT, "install", f"PREFIX={tmp_path}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert f'export PATH="{tmp_path}/bin:$PATH"' in made.stdout
    shown = subprocess.run(
        ["ironhull", "--version"], check=True, capture_output=True, text=True, cwd=tmp_path,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
    )  # fmt: skip
    assert shown.stdout.startswith("ironhull")


def test_make_test_is_what_ci_runs():
    assert "make test" in COMMANDS
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("exec make test")
