"""Registries on this machine, each for the length of a block."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outside.compat.publication import IMAGE, artifact, ironhull


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def distribution(program: Path, folder: Path, port: int) -> list[Any]:
    """docker-registry and what became of it."""
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": str(folder)}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    return [program, "serve", config]


def ours(program: Path, folder: Path, port: int) -> list[Any]:
    del program
    command = [sys.executable, "-m", "ironhull.cli", "serve"]
    return [*command, "--listen", f"127.0.0.1:{port}", "--data", folder / "store"]


def cranes(program: Path, folder: Path, port: int) -> list[Any]:
    return [program, "registry", "serve", "--address", f"127.0.0.1:{port}", "--disk", folder]


@contextmanager
def serving(
    command: Callable[[Path, Path, int], list[Any]], program: Path, folder: Path
) -> Iterator[str]:
    """The host of a registry that answers until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        running = subprocess.Popen(command(program, folder, port), stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not _answers(port):
            if running.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{program.name} does not serve")
            time.sleep(0.1)
        yield f"localhost:{port}"
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def call(method: str, url: str, data: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Status and headers of one request to a registry here."""
    request = urllib.request.Request(
        url, data, {key.replace("_", "-"): value for key, value in headers.items()}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def digest_of(host: str, repository: str, reference: str) -> str | None:
    """The digest that a registry gives for a tag; None if it has none."""
    accept = ", ".join(
        f"application/vnd.{kind}+json"
        for kind in (
            "oci.image.index.v1", "oci.image.manifest.v1",
            "docker.distribution.manifest.list.v2", "docker.distribution.manifest.v2",
        )
    )  # fmt: skip
    status, headers = call("HEAD", f"http://{host}/v2/{repository}/manifests/{reference}",
                           accept=accept)  # fmt: skip
    return headers["docker-content-digest"] if status == 200 else None


def fill(host: str, folder: Path) -> None:
    """Bring the publication, in all compressions, and the artifact into a registry."""
    ironhull(folder / "zstd", "push", IMAGE, f"{host}/{IMAGE}", "--no-record")
    for name in ("gzip", "chunked"):
        ironhull(folder / name, "push", IMAGE, f"{host}/{name}/{IMAGE}", "--no-record")
    manifest, blobs = artifact(b"a note\n")
    for digest, blob in blobs.items():
        status, headers = call("POST", f"http://{host}/v2/note/blobs/uploads/")
        if status != 202:
            raise RuntimeError(f"{host} takes no upload: {status}")
        where = headers["location"]
        where = where if where.startswith("http") else f"http://{host}{where}"
        where += ("&" if "?" in where else "?") + f"digest={digest}"
        call("PUT", where, blob, content_type="application/octet-stream")
    status, _ = call(
        "PUT", f"http://{host}/v2/note/manifests/1", json.dumps(manifest).encode(),
        content_type=manifest["mediaType"],
    )  # fmt: skip
    if status != 201:
        raise RuntimeError(f"{host} takes no artifact: {status}")
