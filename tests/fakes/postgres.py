"""A PostgreSQL server of its own for as long as a block lasts: a new cluster, a socket, no TCP.

with postgres(Path("/usr/lib/postgresql/15/bin/postgres")) as server:
    server.new_database()
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg


@dataclass
class Postgres:
    folder: Path
    program: Path
    user: str
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"state{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{self.user}@/{name}?host={self.folder}"

    def connect(self) -> psycopg.Connection[object]:
        return psycopg.connect(
            f"host={self.folder} dbname=postgres user={self.user}", autocommit=True
        )

    def kill(self) -> None:
        """SIGQUIT: it drops everything at once, as if it had crashed."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def start(self) -> None:
        """Once more, on the same cluster."""
        self.process = _started(self.program, self.folder, self.user)
        _wait(self)


@contextmanager
def postgres(program: Path) -> Iterator[Postgres]:
    """`program` is the server; initdb is beside it. As root it runs as the user postgres."""
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    # A short path: sockets allow 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ih-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        initdb = program.resolve().with_name("initdb")
        subprocess.run(
            [initdb, "-D", folder / "data", "-A", "trust", "-U", user, "--no-sync"],
            check=True,
            capture_output=True,
            **_as(user),
        )
        server = Postgres(folder, program, user, _started(program, folder, user))
        try:
            _wait(server)
            yield server
        finally:
            if server.process.poll() is None:
                server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(program: Path, folder: Path, user: str) -> subprocess.Popen[bytes]:
    options = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off"}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [program.resolve(), "-D", folder / "data", *words], stdout=log, stderr=log, **_as(user)
        )


def _as(user: str) -> dict[str, object]:
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": [], "cwd": "/"}


def _wait(server: Postgres) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)
