"""Servers of the catalog as people run them: root read-only, data in a volume, stopped and started.

What a client wrote has to be there after a restart, the stop signal has to end it, and a volume
that cannot be written has to be said in one line.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.new_programs import IN_EVERY_RUN

from ironhull.engine.find import EngineSettings
from ironhull.engine.interface import HARDENED, Container, Engine, Mount, RunOptions
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
USER = 65532
PATIENCE = 120
"""Seconds until a server has to answer on the slowest machine."""


@dataclass(frozen=True)
class Server:
    """One row: what the server needs, and its own client's words."""

    image: str
    write: tuple[str, ...]
    read: tuple[str, ...]
    refusal: str
    environment: Mapping[str, str] = field(default_factory=dict)


def _sql(program: str, *words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    write = "create table kept (word text); insert into kept values ('kept')"
    return (program, *words, write), (program, *words, "select word from kept")


_POSTGRES = _sql("psql", "-h", "/tmp", "-U", "postgres", "-Atc")
_MARIADB = _sql("mariadb", "-uroot", "-pproof", "-N", "-D", "test", "-e")
SERVERS = (
    Server(
        "redis:8.0",
        ("redis-cli", "set", "word", "kept"),
        ("redis-cli", "get", "word"),
        "Can't open or create append-only dir",
    ),
    Server(
        "valkey:8.1",
        ("valkey-cli", "set", "word", "kept"),
        ("valkey-cli", "get", "word"),
        "Can't open or create append-only dir",
    ),
    Server(
        "postgres:17",
        *_POSTGRES,
        "postgres: /data cannot be written by user 65532",
        {"POSTGRES_PASSWORD": "proof"},
    ),
    Server(
        "mariadb:11.8",
        (*_MARIADB[0][:4], "-e", f"create database test; use test; {_MARIADB[0][-1]}"),
        _MARIADB[1],
        "mariadb: /data cannot be written by user 65532",
        {"MARIADB_ROOT_PASSWORD": "proof"},
    ),
    Server(
        "rabbitmq:4.0",
        ("rabbitmqctl", "add_vhost", "kept"),
        ("rabbitmqctl", "--quiet", "list_vhosts"),
        "rabbitmq: /data cannot be written by user 65532",
    ),
)


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.image)
def server(request: pytest.FixtureRequest, catalog: Path, podman: Engine):
    """A row, and the name of its image in the engine."""
    row: Server = request.param
    layout = ImageLayout(catalog / "home/store")
    descriptor = layout.find(row.image)
    name = f"localhost/served:{os.getpid()}"
    podman.load(layout, choose_manifest(layout, descriptor), [name])
    yield row, name
    podman.remove(name)


def options(row: Server, volume: Path) -> RunOptions:
    return replace(
        HARDENED,
        network="none",
        environment=row.environment,
        mounts=(Mount(volume, "/data", True),),
    )


def ask(container: Container, command: tuple[str, ...]) -> str:
    """What the client says as soon as the server has come up."""
    end = time.monotonic() + PATIENCE
    while True:
        result = container.execute(command)
        if result.exit_code == 0:
            return result.stdout
        if not container.running() or time.monotonic() > end:
            raise AssertionError(f"{command}: {result.stderr}\n{container.logs()}")
        time.sleep(0.2)


def test_it_stops_on_its_signal_and_has_its_data_when_it_comes_back(server, podman, tmp_path):
    row, name = server
    os.chown(tmp_path, USER, USER)
    with podman.start(name, options(row, tmp_path)) as container:
        ask(container, row.write)
        assert not container.stop(60).killed, container.logs()
    with podman.start(name, options(row, tmp_path)) as container:
        assert "kept" in ask(container, row.read)
        assert not container.stop(60).killed, container.logs()


def test_it_does_not_start_where_its_volume_cannot_be_written_and_says_so(server, podman, tmp_path):
    row, name = server
    tmp_path.chmod(0o755)
    result = podman.run(name, options(row, tmp_path), timeout=PATIENCE)
    assert not result.timed_out
    assert result.exit_code != 0
    assert sum(row.refusal in line for line in (result.stdout + result.stderr).splitlines()) == 1


def ironhull(catalog: Path, *words: str, images: Path, podman: EngineSettings) -> str:
    """What the command says, in a home with the catalog's images; it has to end with 0."""
    done = subprocess.run(
        [ROOT / ".venv/bin/ironhull", *words],
        env={
            **os.environ, "IRONHULL_HOME": str(catalog / "home"), "IRONHULL_CATALOG": str(images),
            "IRONHULL_PODMAN_ARGS": " ".join(podman.podman),
        },
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return done.stdout


def test_a_toolbox_sees_processes_files_and_sockets_of_a_container_without_a_shell(
    catalog, podman, podman_settings
):
    layout, name = ImageLayout(catalog / "home/store"), f"localhost/looked-at:{os.getpid()}"
    podman.load(layout, choose_manifest(layout, layout.find("valkey:8.1")), [name])
    look = "ps -e; ls /target/etc/valkey; ss -tln"
    try:
        with podman.start(name, replace(HARDENED, network="none")) as container:
            ask(container, ("valkey-cli", "ping"))
            said = ironhull(
                catalog, "debug", container.id, "bash", "-c", look,
                images=catalog / "images", podman=podman_settings,
            )  # fmt: skip
            assert container.running()
    finally:
        podman.remove(name)
    for seen in ("valkey-server", "valkey.conf", ":6379"):
        assert seen in said


def test_a_toolbox_sees_the_files_of_an_image_that_is_not_started_and_cannot_write_them(
    catalog, podman_settings
):
    look = "ls /target/etc/valkey; touch /target/new 2>&1 || readelf -d /target/usr/bin/valkey-cli"
    said = ironhull(
        catalog, "debug", "valkey:8.1", "bash", "-c", look,
        images=catalog / "images", podman=podman_settings,
    )  # fmt: skip
    for seen in ("valkey.conf", "Read-only file system", "libc.so.6"):
        assert seen in said


@pytest.mark.parametrize("program", IN_EVERY_RUN, ids=lambda program: program.name)
def test_a_new_definition_builds_starts_and_listens_without_an_edit(
    catalog, podman_settings, tmp_path, program
):
    said = ironhull(
        catalog, "new", *program.words(tmp_path), images=tmp_path / "images", podman=podman_settings
    )
    assert f"started, listens on {', '.join(program.listens)}" in said
    ironhull(catalog, "test", f"{program.name}:1", images=tmp_path / "images",
             podman=podman_settings)  # fmt: skip
