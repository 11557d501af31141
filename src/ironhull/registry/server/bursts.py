"""A file goes out in large pieces, out of the page cache: for clients that are near.

Such a client takes faster than we send, and sleeps until something comes; waking it for every
small piece costs more than all copying. So it gets much at a time, which the event loop reads,
since a turn of a thread costs as much again; but only what the kernel has in memory: for the rest
a thread waits.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from starlette.types import Receive, Send

from ironhull.registry.server.receiving import disconnected

_PIECE = 768 * 1024


class Bursts:
    """The bodies that are sent so, at most `room` at one time; the event loop's alone.

    The web server copies a piece when it is handed over, and holds six of them at most (granian
    2.8.7), whatever the client takes.
    """

    def __init__(self, room: int) -> None:
        self._room = room

    async def body(self, path: Path, size: int, receive: Receive, send: Send) -> bool:
        """Send the file as a body; False, with nothing sent, if others are or it is on disk only.

        OSError if it becomes shorter than `size`.
        """
        if not self._room:
            return False
        self._room -= 1
        try:
            descriptor = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return await _send(descriptor, size, receive, send)
            finally:
                os.close(descriptor)
        finally:
            self._room += 1


async def _send(descriptor: int, size: int, receive: Receive, send: Send) -> bool:
    piece, place = bytearray(min(_PIECE, size)), 0
    if not _at_once(descriptor, piece, place):
        return False
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        while not gone.done():
            end = place + len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": end < size})
            if end == size:
                break
            # What waits beside it has its turn after each piece.
            await asyncio.sleep(0)
            place = end
            del piece[size - place :]
            if not _at_once(descriptor, piece, place):
                await asyncio.to_thread(_waiting, descriptor, piece, place)
    finally:
        gone.cancel()
    return True


def _at_once(descriptor: int, piece: bytearray, place: int) -> bool:
    """Fill the piece from `place` on if that needs no disk (preadv2(2), RWF_NOWAIT)."""
    try:
        return os.preadv(descriptor, [piece], place, os.RWF_NOWAIT) == len(piece)
    except OSError:
        # Also where the file system cannot tell.
        return False


def _waiting(descriptor: int, piece: bytearray, place: int) -> None:
    """Fill the piece, however long that takes."""
    done = 0
    with memoryview(piece) as left:
        while done < len(piece):
            count = os.preadv(descriptor, [left[done:]], place + done)
            if not count:
                raise OSError(f"a file ended at {place + done}: it became shorter")
            done += count
