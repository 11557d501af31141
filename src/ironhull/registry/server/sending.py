"""A blob goes out: whole by the web server itself (ASGI `http.response.pathsend`), parts in pieces.

Whole also in large pieces, to who is near (`bursts`). Where the server has no pathsend, and for
ranges, pieces are small, and no more are in memory than the web server takes at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from starlette.types import Receive, Scope, Send

from ironhull.registry.server.bursts import Bursts
from ironhull.registry.server.ranges import Multipart, Range, multipart
from ironhull.registry.server.receiving import disconnected

_PIECE = 256 * 1024


class FileResponse:
    """An ASGI response of a file or of parts of it; without parts it is the whole."""

    bursts: Bursts | None = None
    """Set where the client is near."""

    def __init__(
        self, path: Path, size: int, headers: Mapping[str, str], parts: Sequence[Range] = ()
    ) -> None:
        self._path = path
        self._parts = tuple(parts) or ((0, size - 1),)
        self._whole = self._parts == ((0, size - 1),)
        self._between: Multipart | None = None
        self.status = 206 if parts else 200
        first, last = self._parts[0]
        self.headers = {**headers, "content-length": str(last - first + 1)}
        if len(parts) > 1:
            kind = headers.get("content-type", "application/octet-stream")
            self._between = multipart(parts, size, kind)
            self.headers |= self._between.headers
        elif parts:
            self.headers["content-range"] = f"bytes {first}-{last}/{size}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it."""
        raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in self._pairs()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        if scope["method"] == "HEAD" or self.headers["content-length"] == "0":
            await send({"type": "http.response.body", "body": b""})
        elif self._whole and await self._burst(receive, send):
            pass
        elif self._whole and "http.response.pathsend" in scope.get("extensions", {}):
            await send({"type": "http.response.pathsend", "path": str(self._path)})
        else:
            await self._pieces(receive, send)

    def _pairs(self) -> list[tuple[str, str]]:
        return list(self.headers.items())

    async def _burst(self, receive: Receive, send: Send) -> bool:
        size = int(self.headers["content-length"])
        return self.bursts is not None and await self.bursts.body(self._path, size, receive, send)

    async def _pieces(self, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        descriptor = await asyncio.to_thread(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        left = int(self.headers["content-length"])
        pieces = self._read(descriptor)
        try:
            while left and not gone.done():
                data = await asyncio.to_thread(next, pieces)
                left -= len(data)
                await send({"type": "http.response.body", "body": data, "more_body": left > 0})
        finally:
            gone.cancel()
            os.close(descriptor)

    def _read(self, descriptor: int) -> Iterator[bytes]:
        """The body; small parts together, so that each does not cost a turn of its own."""
        held = bytearray()
        for number, (first, last) in enumerate(self._parts):
            if self._between is not None:
                held += self._between.before[number]
            place = first
            while place <= last:
                data = os.pread(descriptor, min(_PIECE, last - place + 1), place)
                if not data:
                    raise OSError(f"{self._path} became shorter")
                place += len(data)
                held += data
                if len(held) >= _PIECE:
                    yield bytes(held)
                    held.clear()
        if self._between is not None:
            held += self._between.end
        if held:
            yield bytes(held)
