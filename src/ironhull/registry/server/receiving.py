"""A body comes in: piece by piece to the disk, while the next piece is on its way.

Slow clients are told to come back (408): one that sends nothing for `Limits.idle` seconds, or on
the average less than `Limits.slowest` bytes a second after `Limits.patience`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor

from starlette.types import Message, Receive

from ironhull.registry.server.limits import Limits
from ironhull.registry.server.metrics import Metrics
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.upload import Upload

# Handed to a thread together: what the web server hands over, mostly (see `running`).
_BATCH = 1 << 17
_PIECES = 1 << 10


class ClientGone(Exception):
    """The connection ended before the body was whole, or the body is malformed.

    The web server says the same of both.
    """


async def pieces(receive: Receive, limits: Limits) -> AsyncIterator[bytes]:
    """The body of a request as it arrives; ClientGone, or REQUEST_TIMEOUT."""
    begun, size = time.monotonic(), 0
    while True:
        try:
            # Not `wait_for`, which makes a task of each piece.
            async with asyncio.timeout(limits.idle):
                message = await receive()
        except TimeoutError:
            raise _too_slow(f"nothing came for {limits.idle:g} seconds") from None
        if message["type"] != "http.request":
            raise ClientGone
        body = message.get("body", b"")
        size += len(body)
        if body:
            yield body
        if not message.get("more_body", False):
            return
        elapsed = time.monotonic() - begun
        if elapsed > limits.patience and size < limits.slowest * elapsed:
            raise _too_slow(f"{size} bytes in {elapsed:.0f} seconds")


async def at_once(receive: Receive, limits: Limits, size: int) -> tuple[bytes | None, Receive]:
    """The body, if all `size` bytes come in one piece; else None, and how all of it is received.

    REQUEST_TIMEOUT if nothing comes.
    """
    try:
        async with asyncio.timeout(limits.idle):
            first = await receive()
    except TimeoutError:
        raise _too_slow(f"nothing came for {limits.idle:g} seconds") from None
    # That it was the last piece the web server says with another, an empty one.
    if first["type"] == "http.request" and len(first.get("body", b"")) == size:
        return first["body"], receive
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return None, again


async def read_small(receive: Receive, limits: Limits, limit: int) -> bytes:
    """A body of at most `limit` bytes; SIZE_INVALID (413) if it is larger."""
    come, size = list[bytes](), 0
    async for piece in pieces(receive, limits):
        come.append(piece)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        if len(come) > _PIECES:
            come = [b"".join(come)]
    return come[0] if len(come) == 1 else b"".join(come)


async def read_into(
    upload: Upload,
    receive: Receive,
    limits: Limits,
    pool: Executor,
    metrics: Metrics,
    expected: int | None = None,
) -> None:
    """Append a request's body to an upload, hashing in `pool` while receiving.

    What came before a client went away or a time-out stays in the upload. SIZE_INVALID if there is
    more than the largest blob, or not exactly `expected` bytes.
    """
    loop = asyncio.get_running_loop()
    batch: list[bytes] = []
    waiting, start, size = 0, upload.size, 0
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in pieces(receive, limits):
            size += len(piece)
            metrics.received(len(piece))
            if start + size > limits.blob:
                raise too_large(limits.blob)
            if expected is not None and size > expected:
                raise Refusal("SIZE_INVALID", f"more than the {expected} bytes of Content-Range")
            batch.append(piece)
            waiting += len(piece)
            if waiting >= _BATCH:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(pool, upload.append, batch)
                batch, waiting = [], 0
    finally:
        if writing is not None:
            await writing
        if batch:
            await loop.run_in_executor(pool, upload.append, batch)
    if expected is not None and size != expected:
        raise Refusal("SIZE_INVALID", f"{size} bytes, Content-Range says {expected}")


def too_large(limit: int) -> Refusal:
    """The refusal of a body over a limit of bytes."""
    return Refusal("SIZE_INVALID", f"larger than the limit of {limit} bytes", status=413)


def _too_slow(why: str) -> Refusal:
    return Refusal("REQUEST_TIMEOUT", f"too slow: {why}", headers={"connection": "close"})


async def disconnected(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
