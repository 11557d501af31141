"""A client that talks to an ASGI application directly: no socket, no server, every chunk in hand.

A body of bytes comes whole and with its length, an iterable chunk by chunk and without.

answer = ask(app, "PUT", "/v2/a/manifests/1", body=raw, headers={"content-type": "…"})
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    # The file that the server would have sent by itself, if it was handed one.
    path: Path | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The protocol's error code."""
        return str(self.json["errors"][0]["code"])


class Gone:
    """In a body's chunks: the client closes the connection here."""


class Silence:
    """In a body's chunks: the client sends nothing more and stays."""


Chunk = bytes | type[Gone] | type[Silence]


def ask(
    app: Any,
    method: str,
    url: str,
    *,
    body: bytes | Iterable[Chunk] = b"",
    headers: Mapping[str, str] | None = None,
    pathsend: bool = True,
) -> Answer:
    """One request, one answer."""
    return asyncio.run(request(app, method, url, body=body, headers=headers, pathsend=pathsend))


async def request(
    app: Any,
    method: str,
    url: str,
    *,
    body: bytes | Iterable[Chunk] = b"",
    headers: Mapping[str, str] | None = None,
    pathsend: bool = True,
) -> Answer:
    path, _, query = url.partition("?")
    chunks = iter([body] if isinstance(body, bytes) else body)
    told = {"host": "registry.test"}
    if isinstance(body, bytes) and (body or method in ("POST", "PUT", "PATCH")):
        told["content-length"] = str(len(body))
    told |= {key.lower(): value for key, value in (headers or {}).items()}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in told.items()],
        "client": ("127.0.0.1", 12345),
        "server": ("127.0.0.1", 5000),
        "extensions": {"http.response.pathsend": {}} if pathsend else {},
    }
    answer = Answer()
    ended = False

    async def receive() -> dict[str, Any]:
        nonlocal ended
        if ended:
            await asyncio.sleep(3600)
        chunk = next(chunks, None)
        if chunk is Silence:
            await asyncio.sleep(3600)
        if chunk is Gone:
            return {"type": "http.disconnect"}
        if chunk is None:
            ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        # As the web server has it: a small body comes with its end, a large one in pieces.
        ended = isinstance(body, bytes)
        return {"type": "http.request", "body": chunk, "more_body": not ended}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.pathsend":
            answer.path = Path(message["path"])
            answer.body = answer.path.read_bytes()
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer
