"""Many clients of a registry at once: pulls and pushes of small images for some seconds.

    python -m clients.load PORT --pulls 200 --pushes 50 --seconds 30 [--authorization TEXT]

A pull is a connection with three requests: the manifest of a tag, its config, its layer. A push is
one with five: a layer that nobody has (POST, PATCH, PUT), whether the config is there, the manifest
under a tag of its own. Each client begins the next as soon as one has ended. Prints, as JSON, the
seconds of each pull and push that ended in time, and what went wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import socket
import sys
import threading
import time
from collections import Counter
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
# A client that waits this long calls it a failure.
PATIENCE = 30.0


class Failed(Exception):
    """A request was not answered as it should be."""


class Wire:
    """One connection and the requests on it."""

    def __init__(self, port: int, authorization: str) -> None:
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._common = f"Host: localhost:{port}\r\n"
        if authorization:
            self._common += f"Authorization: {authorization}\r\n"
        self._rest = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def ask(
        self, method: str, path: str, expected: int, body: bytes = b"", more: str = ""
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of the answer."""
        head = f"{method} {path} HTTP/1.1\r\n{self._common}{more}"
        if method not in ("GET", "HEAD"):
            head += f"Content-Length: {len(body)}\r\n"
        self._stream.sendall(f"{head}\r\n".encode() + body)
        status, headers = self._head()
        data = b""
        if method != "HEAD":
            data = self._body(int(headers.get("content-length", "0")))
        if status != expected:
            raise Failed(f"{method}: {status} instead of {expected}")
        return headers, data

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._rest:
            data = self._stream.recv(65536)
            if not data:
                raise Failed("connection closed")
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        return int(lines[0].split()[1]), {name.lower(): text.strip() for name, _, text in pairs}

    def _body(self, size: int) -> bytes:
        data = bytearray(size)
        kept = min(size, len(self._rest))
        data[:kept], self._rest = self._rest[:kept], self._rest[kept:]
        view = memoryview(data)[kept:]
        while view:
            count = self._stream.recv_into(view)
            if not count:
                raise Failed("connection closed in a body")
            view = view[count:]
        return bytes(data)


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def described(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha(data), "size": len(data)}


def push_blob(wire: Wire, name: str, data: bytes, digest: str) -> None:
    headers, _ = wire.ask("POST", f"/v2/{name}/blobs/uploads/", 202)
    headers, _ = wire.ask("PATCH", _path(headers), 202, data)
    location = _path(headers)
    sign = "&" if "?" in location else "?"
    wire.ask("PUT", f"{location}{sign}digest={digest}", 201)


def _path(headers: dict[str, str]) -> str:
    return re.sub(r"^https?://[^/]+", "", headers["location"])


def manifest_of(layer: bytes) -> bytes:
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(CONFIG, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(layer, "application/vnd.oci.image.layer.v1.tar")],
    }
    return json.dumps(value).encode()


class Load:
    """The clients, and what came of them."""

    def __init__(self, port: int, authorization: str, size: int) -> None:
        self._wire = lambda: Wire(port, authorization)
        self._base = os.urandom(size)
        self._end = 0.0
        self.times: dict[str, list[float]] = {"pull": [], "push": []}
        self.failures: Counter[str] = Counter()

    def prepare(self) -> None:
        """The image that all pull, and the config that all push."""
        with self._wire() as wire:
            for name in ("load/pulled", "load/pushed"):
                push_blob(wire, name, CONFIG, sha(CONFIG))
            push_blob(wire, "load/pulled", self._base, sha(self._base))
            more = f"Content-Type: {MANIFEST}\r\n"
            wire.ask("PUT", "/v2/load/pulled/manifests/1", 201, manifest_of(self._base), more)

    def run(self, pulls: int, pushes: int, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._repeat, args=("pull", n)) for n in range(pulls)]
        threads += [threading.Thread(target=self._repeat, args=("push", n)) for n in range(pushes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _repeat(self, what: str, number: int) -> None:
        turn = 0
        while time.monotonic() < self._end:
            turn += 1
            try:
                seconds = self._pull() if what == "pull" else self._push(f"{number}-{turn}")
            except (Failed, OSError) as error:
                self.failures[f"{what}: {error}"] += 1
            else:
                self.times[what].append(seconds)

    def _pull(self) -> float:
        begun = time.monotonic()
        with self._wire() as wire:
            more = f"Accept: {MANIFEST}\r\n"
            _, raw = wire.ask("GET", "/v2/load/pulled/manifests/1", 200, more=more)
            value = json.loads(raw)
            for part in (value["config"], *value["layers"]):
                wire.ask("GET", f"/v2/load/pulled/blobs/{part['digest']}", 200)
        return time.monotonic() - begun

    def _push(self, tag: str) -> float:
        layer = tag.encode().ljust(32) + self._base[32:]
        digest, raw = sha(layer), manifest_of(layer)
        begun = time.monotonic()
        with self._wire() as wire:
            push_blob(wire, "load/pushed", layer, digest)
            wire.ask("HEAD", f"/v2/load/pushed/blobs/{sha(CONFIG)}", 200)
            more = f"Content-Type: {MANIFEST}\r\n"
            wire.ask("PUT", f"/v2/load/pushed/manifests/t{tag}", 201, raw, more)
        return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--pulls", type=int, default=200)
    parser.add_argument("--pushes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--size", type=int, default=1_000_000, help="of a layer, in bytes")
    parser.add_argument("--authorization", default="")
    options = parser.parse_args()
    load = Load(options.port, options.authorization, options.size)
    load.prepare()
    load.run(options.pulls, options.pushes, options.seconds)
    json.dump({"times": load.times, "failures": load.failures}, sys.stdout)


if __name__ == "__main__":
    main()
