"""An S3 server of this machine (moto's), for as long as a block lasts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
import urllib3
from obstore.store import S3Store

from tests.fakes.claims import free_port

MOTO = Path(sys.executable).parent / "moto_server"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": "us-east-1",
}


class S3:
    """`environment` is what a client needs to be told."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.environment = ENVIRONMENT | {"AWS_ENDPOINT_URL": self.address}

    def ask(self, method: str, path: str, data: bytes = b"") -> bytes:
        """A request without a signature."""
        answer = urllib3.request(method, f"{self.address}/{path}", body=data, retries=False)
        assert answer.status in (200, 204), (method, path, answer.status, answer.data)
        return answer.data

    def make_bucket(self, bucket: str) -> None:
        self.ask("PUT", bucket)

    def names(self, bucket: str, under: str) -> list[str]:
        return [each["path"] for page in obstore.list(self._store(bucket), under) for each in page]

    def read(self, bucket: str, name: str) -> bytes:
        return bytes(obstore.get(self._store(bucket), name).bytes())

    def write(self, bucket: str, name: str, data: bytes) -> None:
        obstore.put(self._store(bucket), name, data)

    def delete(self, bucket: str, name: str) -> None:
        obstore.delete(self._store(bucket), name)

    def _store(self, bucket: str) -> S3Store:
        config = {name.lower(): text for name, text in self.environment.items()}
        return S3Store(bucket, config=config, client_options={"allow_http": True})  # type: ignore

    def admit(self) -> None:
        """Whoever asks, with any login."""
        self.ask("POST", "moto-api/reset-auth", b"1000000000")

    def refuse(self) -> None:
        """From now on everybody is asked for a login, and there is none."""
        self.ask("POST", "moto-api/reset-auth", b"0")


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """The server, when it answers; `folder` is where it says what it does."""
    port = free_port()
    server = S3(port)
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [MOTO, "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log,
            env={name: text for name, text in os.environ.items() if not name.startswith("MOTO")},
        )  # fmt: skip
        try:
            wait(server, process)
            yield server
        finally:
            process.kill()
            process.wait(20)


def wait(server: S3, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            server.ask("GET", "moto-api/data.json")
        except urllib3.exceptions.HTTPError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        else:
            return
