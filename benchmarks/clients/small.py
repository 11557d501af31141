"""Many small images to one registry: pushed with layers that it has, then looked at by many.

    python -m clients.small PORT [--images 1000] [--layers 30] [--pushers 8] [--clients 50]

1. The layers are pushed once.
2. Each image as podman and docker push it: a HEAD of each layer, its config as an upload, its
   manifest under a tag of its own; by a few clients on connections that stay open.
3. HEAD and GET of manifests by tag, by all clients at once, each on a connection of its own.

Prints JSON: seconds for all pushes, and of each request of the third step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REPOSITORY = "bench/small"


def read_head(stream: socket.socket, what: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by name in small letters, and what of the body came with them."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65536)
        if not more:
            raise SystemExit(f"{what}: closed after {data!r}")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, rest


class Connection:
    """One connection that stays open; no client could take less of the machine."""

    def __init__(self, port: int) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port))
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"Host: localhost:{port}\r\n"

    def ask(
        self, method: str, path: str, expected: int, body: bytes = b"", kind: str = ""
    ) -> dict[str, str]:
        """The headers of the answer; its body is read."""
        head = f"{method} {path} HTTP/1.1\r\n{self.host}Accept: {MANIFEST}\r\n"
        head += f"Content-Type: {kind}\r\n" if kind else ""
        head += f"Content-Length: {len(body)}\r\n" if method in ("POST", "PUT", "PATCH") else ""
        self.stream.sendall(head.encode() + b"\r\n" + body)
        status, headers, rest = read_head(self.stream, f"{method} {path}")
        left = 0 if method == "HEAD" else int(headers.get("content-length", 0)) - len(rest)
        while left > 0:
            left -= len(self.stream.recv(65536))
        if status != expected:
            raise SystemExit(f"{method} {path}: status {status}, expected {expected}: {rest!r}")
        return headers

    def upload(self, data: bytes) -> dict[str, Any]:
        """A blob as podman and docker send it; its descriptor without a media type."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        at = self.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/", 202)["location"]
        octets = "application/octet-stream"
        at = self.ask("PATCH", _path(at), 202, data, octets)["location"]
        sign = "&" if "?" in at else "?"
        self.ask("PUT", f"{_path(at)}{sign}digest={digest}", 201)
        return {"digest": digest, "size": len(data)}


def _path(location: str) -> str:
    return "/" + location.split("/", 3)[3] if "://" in location else location


def push(connection: Connection, number: int, layers: list[dict[str, Any]]) -> None:
    for layer in layers:
        connection.ask("HEAD", f"/v2/{REPOSITORY}/blobs/{layer['digest']}", 200)
    config = json.dumps({"architecture": "amd64", "os": "linux", "number": number}).encode()
    kind = "application/vnd.oci.image.config.v1+json"
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": kind, **connection.upload(config)},
        "layers": layers,
    }
    body = json.dumps(value).encode()
    connection.ask("PUT", f"/v2/{REPOSITORY}/manifests/t{number}", 201, body, MANIFEST)


def together(count: int, work: Callable[[int], None]) -> float:
    """Seconds until `count` threads have worked; each is given its number."""
    failures: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(str(failures[0]))
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--pushers", type=int, default=8)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--looks", type=int, default=40, help="of each client, half of them HEADs")
    options = parser.parse_args()
    first = Connection(options.port)
    kind = "application/vnd.oci.image.layer.v1.tar"
    blobs = [f"layer {number} ".encode() * 100 for number in range(options.layers)]
    layers = [{"mediaType": kind, **first.upload(data)} for data in blobs]

    def pusher(who: int) -> None:
        connection = Connection(options.port)
        for number in range(who, options.images, options.pushers):
            push(connection, number, layers)

    pushed = together(options.pushers, pusher)
    looked: list[float] = []

    def looker(who: int) -> None:
        connection = Connection(options.port)
        for number in range(options.looks):
            tag = f"t{(who * options.looks + number) % options.images}"
            begun = time.perf_counter()
            method = "GET" if number % 2 else "HEAD"
            connection.ask(method, f"/v2/{REPOSITORY}/manifests/{tag}", 200)
            looked.append(time.perf_counter() - begun)

    together(options.clients, looker)
    json.dump({"pushed": pushed, "looked": looked}, sys.stdout)


if __name__ == "__main__":
    main()
