"""The catalog's servers beside Debian slim plus the same package: size, packages, memory at rest.

`python benchmarks/catalog_images.py [--json] [--home HOME] [NAME:TAG…]`

size        bytes of all layers, compressed; the slim root is one layer, by the same method and
            level. Limit of `ratio`: 0.5.
packages    entries of the package database. Without a limit.
memory      what all processes of the container hold when the server listens and has had some
            seconds of rest: the sum of their proportional set sizes, which counts a page that
            several share once. Limit of `ratio`: 1.

The slim root is what `mmdebstrap --variant=minbase` makes of the release with the server's package,
as the Dockerfile `FROM debian:slim` and `RUN apt-get install --no-install-recommends` would. Its
server runs as Debian configures it, ours as our image does: both are what a person gets who does
nothing more. podman runs both, with a storage of its own and no network. HOME is one in which the
images are built; what it lacks is built there. Needs root and mmdebstrap.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import zstandard

from ironhull.build.compression import Compression
from ironhull.cli.machine import silent
from ironhull.engine.find import EngineSettings, engine
from ironhull.engine.interface import HARDENED, Container, Engine, Mount, RunOptions
from ironhull.store.choice import choose_manifest
from ironhull.store.home import Home
from ironhull.store.layout import REF_NAME

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from outside.mmdebstrap import make_root  # noqa: E402

RELEASE = "trixie"
USER = 65532
LIMITS = {"size": 0.5, "memory": 1.0}
"""Of the ratios to Debian slim."""
PATIENCE, REST = 180, 5
"""Seconds until a server has to listen, and how long it then rests before it is looked at."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of ours, and how Debian's package of the same program is started in the foreground."""

    packages: str
    command: tuple[str, ...]
    port: int
    """Where ours listens."""
    debian_port: int
    environment: Mapping[str, str] = field(default_factory=dict)


SERVERS = {
    "nginx:1.26": Server("nginx", ("nginx", "-g", "daemon off;"), 8080, 80),
    "httpd:2.4": Server("apache2", ("apachectl", "-D", "FOREGROUND"), 8080, 80),
    # Debian's configuration has no place to listen: one line more gives it ours.
    "haproxy:3.0": Server(
        "haproxy",
        (
            "sh", "-c", "printf 'frontend f\\n bind :8080\\n' >> /etc/haproxy/haproxy.cfg && "
            "mkdir -p /run/haproxy && exec haproxy -W -db -f /etc/haproxy/haproxy.cfg",
        ),
        8080, 8080,
    ),
    "caddy:2.6": Server("caddy", ("caddy", "run", "--config", "/etc/caddy/Caddyfile"), 8080, 80),
    "postgres:17": Server(
        "postgresql-17",
        (
            "sh", "-c", "install -d -o postgres /run/postgresql && exec su postgres -c '"
            "exec /usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/17/main "
            "-c config_file=/etc/postgresql/17/main/postgresql.conf'",
        ),
        5432, 5432, {"POSTGRES_PASSWORD": "proof"},
    ),
    "mariadb:11.8": Server(
        "mariadb-server",
        ("sh", "-c", "mkdir -p /run/mysqld && chown mysql /run/mysqld && exec mariadbd -u mysql"),
        3306, 3306, {"MARIADB_ROOT_PASSWORD": "proof"},
    ),
    "redis:8.0": Server("redis-server", ("redis-server",), 6379, 6379),
    "valkey:8.1": Server("valkey-server", ("valkey-server",), 6379, 6379),
    "memcached:1.6": Server("memcached", ("memcached", "-u", "memcache"), 11211, 11211),
    "rabbitmq:4.0": Server("rabbitmq-server", ("rabbitmq-server",), 5672, 5672),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME:TAG", default=list(SERVERS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with workplace(options.home) as (folder, home):
        build(home, options.names)
        storage = (f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}")
        podman = engine("podman", EngineSettings(podman=storage, cache=folder / "flags.json"))
        bench = Bench(folder, Home(home), storage, podman)
        figures = {}
        for name in options.names:
            figures[name] = bench.compared(name, SERVERS[name])
            print(f"{name}: {figures[name]}", file=sys.stderr)
    missed = [
        f"{name} {key}"
        for name, values in figures.items()
        for key, limit in LIMITS.items()
        if values[key]["ratio"] > limit
    ]
    if options.json:
        limits = {f"*.{key}.ratio": limit for key, limit in LIMITS.items()}
        print(json.dumps({**figures, "limits": limits, "missed": missed, "good": not missed}))
    return int(bool(missed))


@contextmanager
def workplace(home: Path | None) -> Iterator[tuple[Path, Path]]:
    """A temporary folder, and a home where the images are built."""
    folder = Path(tempfile.mkdtemp(prefix="ironhull-bench-"))
    try:
        yield folder, home or folder / "home"
    finally:
        # podman's storage has a mount of its own.
        subprocess.run(["umount", folder / "storage/overlay"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def build(home: Path, names: list[str]) -> None:
    machine = silent(home=home)
    known = {one.annotations.get(REF_NAME) for one in machine.home.store.descriptors()}
    missing = [name for name in names if name not in known]
    if missing:
        subprocess.run(
            [Path(sys.executable).with_name("ironhull"), "build", *missing, "--update",
             "--no-attest", "--platform", "linux/amd64"],
            env={**os.environ, "IRONHULL_HOME": str(home)}, cwd=ROOT, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bench:
    """Where images are, and the engine that runs them."""

    folder: Path
    home: Home
    storage: tuple[str, ...]
    podman: Engine

    def compared(self, name: str, server: Server) -> dict[str, dict[str, float]]:
        """`size` in bytes, `packages`, `memory` in bytes: ours, slim and the ratio of each."""
        ours, slim = self._ours(name, server), self._slim(server)
        return {
            key: {"ours": ours[key], "slim": slim[key], "ratio": round(ours[key] / slim[key], 3)}
            for key in ("size", "packages", "memory")
        }

    def _ours(self, name: str, server: Server) -> dict[str, int]:
        store = self.home.store
        manifest = choose_manifest(store, store.find(name))
        shown = subprocess.run(
            [Path(sys.executable).with_name("ironhull"), "show", name, "--json",
             "--platform", "linux/amd64"],
            env={**os.environ, "IRONHULL_HOME": str(self.home.root)}, cwd=ROOT, check=True,
            capture_output=True,
        )  # fmt: skip
        told = json.loads(shown.stdout)
        data = self.folder / "data"
        data.mkdir()
        os.chown(data, USER, USER)
        image = "localhost/ironhull-benchmark:ours"
        self.podman.load(store, manifest, [image])
        options = replace(
            HARDENED,
            network="none",
            environment=server.environment,
            mounts=(Mount(data, "/data", True),),
        )
        memory = self._memory(image, options, server.port)
        shutil.rmtree(data)
        return {
            "size": told["compressed_size"], "packages": len(told["packages"]), "memory": memory,
        }  # fmt: skip

    def _slim(self, server: Server) -> dict[str, int]:
        tar = self.folder / "slim.tar"
        program = Path(shutil.which("mmdebstrap") or "mmdebstrap")
        words = ("--variant=minbase", f"--include={server.packages}", "--mode=root")
        make_root(program, RELEASE, words, tar)
        image = "localhost/ironhull-benchmark:slim"
        subprocess.run(
            ["podman", *self.storage, "import", "-q", tar, image], check=True, capture_output=True
        )
        try:
            options = RunOptions(
                entrypoint=server.command[:1], command=server.command[1:], network="none"
            )
            memory = self._memory(image, options, server.debian_port)
            return {"size": compressed(tar), "packages": packages(tar), "memory": memory}
        finally:
            self.podman.remove(image)
            tar.unlink()

    def _memory(self, image: str, options: RunOptions, port: int) -> int:
        with self.podman.start(image, options) as container:
            shown = subprocess.run(
                ["podman", *self.storage, "inspect", "-f", "{{.State.Pid}}", container.id],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            first = int(shown.stdout)
            await_port(container, first, port)
            time.sleep(REST)
            return sum(proportional(process) for process in processes(first))


def compressed(tar: Path) -> int:
    """Bytes of a file, compressed as our layers are by default."""
    writer = zstandard.ZstdCompressor(level=Compression.parse("zstd").level)
    with tar.open("rb") as source, open(os.devnull, "wb") as sink:
        _, written = writer.copy_stream(source, sink)
    return int(written)


def packages(tar: Path) -> int:
    """How many packages the database in a root's tar says are installed."""
    with tarfile.open(tar) as archive:
        status = archive.extractfile("./var/lib/dpkg/status")
        assert status is not None
        return status.read().count(b"\nStatus: install ok installed\n")


def await_port(container: Container, process: int, port: int) -> None:
    """Waits until something in the container's network listens there; its log if nothing does."""
    end = time.monotonic() + PATIENCE
    while not listens(process, port):
        if time.monotonic() > end or not container.running():
            raise SystemExit(f"nothing listens on {port}:\n" + "\n".join(container.logs()))
        time.sleep(0.2)


def listens(process: int, port: int) -> bool:
    """By the kernel's tables of the process's network: state 0A is LISTEN."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{process}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def processes(first: int) -> list[int]:
    """All processes in the namespace of one."""
    space, found = Path(f"/proc/{first}/ns/pid").readlink(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/pid").readlink() == space:
                    found.append(int(entry.name))
            except OSError:
                continue  # It ended meanwhile, or is the kernel's.
    return found


def proportional(process: int) -> int:
    """Bytes: the proportional set size of a process; 0 of one that has ended meanwhile."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except ProcessLookupError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())
