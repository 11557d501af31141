"""A blob goes out: whole by the web server itself (ASGI `http.response.pathsend`), parts in pieces.

Where the server has no pathsend, and for ranges, at most two pieces of a blob are in memory.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.types import Receive, Scope, Send

from ironhull.registry.server.refusal import Refusal

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
_PIECE = 256 * 1024


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks for; None: the whole (RFC 9110, 14.2).

    Several ranges at once and units other than bytes are ignored, as the RFC allows.
    RANGE_INVALID (416) if nothing of the blob is in the range.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        first, last = max(0, size - length), size - 1
        wrong = length == 0 or size == 0
    else:
        first, last = int(match[1]), int(match[2]) if match[2] else size - 1
        if match[2] and first > last:
            return None
        last, wrong = min(last, size - 1), first >= size
    if wrong:
        raise Refusal(
            "RANGE_INVALID",
            f"range {header!r:.100} of {size} bytes",
            headers={"content-range": f"bytes */{size}"},
        )
    return first, last


class FileResponse:
    """An ASGI response of a file or a part of it."""

    def __init__(
        self,
        path: Path,
        size: int,
        headers: Mapping[str, str],
        part: tuple[int, int] | None = None,
    ) -> None:
        self._path = path
        self._whole = part is None or part == (0, size - 1)
        self._first, self._last = part or (0, size - 1)
        self.status = 206 if part else 200
        self.headers = {**headers, "content-length": str(self._last - self._first + 1)}
        if part:
            self.headers["content-range"] = f"bytes {self._first}-{self._last}/{size}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it."""
        raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in self._pairs()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        if scope["method"] == "HEAD" or self._last < self._first:
            await send({"type": "http.response.body", "body": b""})
        elif self._whole and "http.response.pathsend" in scope.get("extensions", {}):
            await send({"type": "http.response.pathsend", "path": str(self._path)})
        else:
            await self._pieces(receive, send)

    def _pairs(self) -> list[tuple[str, str]]:
        return list(self.headers.items())

    async def _pieces(self, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        descriptor = await asyncio.to_thread(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            place = self._first
            while place <= self._last and not gone.done():
                length = min(_PIECE, self._last - place + 1)
                data = await asyncio.to_thread(os.pread, descriptor, length, place)
                if not data:
                    raise OSError(f"{self._path} became shorter")
                place += len(data)
                more = place <= self._last
                await send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            gone.cancel()
            os.close(descriptor)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
