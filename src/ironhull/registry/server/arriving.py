"""A blob that is coming in from elsewhere, and is sent on meanwhile to whoever asked for it.

The file that it grows in is read by any number of clients. The last byte is held back until the
digest is known to be right: what is not what it should be never goes out whole, and a client that
has the announced length has the right bytes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.types import Receive, Scope, Send

from ironhull.oci.digest import Digest
from ironhull.registry.server.receiving import disconnected
from ironhull.store.blobs import BlobStore, BlobWriter

_PIECE = 256 * 1024


class Arriving:
    """How far a blob has come. All of it belongs to the event loop but `grown` and `opened`."""

    def __init__(self, digest: Digest, size: int) -> None:
        self.digest = digest
        self.size = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting: then a failure is in the log alone.
        self.done.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._loop = asyncio.get_running_loop()
        self._come = 0
        self._file = -1
        self._grew = asyncio.Event()

    def opened(self, path: Path) -> None:
        """The file that it grows in is there (called by the thread that fetches)."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def grown(self, amount: int) -> None:
        """More bytes are there (called by the thread that fetches)."""
        self._come += amount
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._wake)

    def end(self, error: BaseException | None) -> None:
        """It is whole and verified, or it never will be."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
        self._wake()

    def follow(self, headers: Mapping[str, str]) -> Following | None:
        """An answer that sends it as it comes; None while no byte has come."""
        return Following(self, os.dup(self._file), headers) if self._file >= 0 else None

    async def begun(self) -> None:
        """Wait until a byte has come or it has ended; raises what it ended with."""
        while not self._come and not self.done.done():
            await self._more()
        if self.done.done():
            self.done.result()

    async def room(self, place: int) -> int:
        """Up to where it may be read, more than `place`; raises what it ended with."""
        while True:
            if self.done.done():
                self.done.result()
                return self.size
            if min(self._come, self.size - 1) > place:
                return min(self._come, self.size - 1)
            await self._more()

    async def _more(self) -> None:
        # Of several that wait, each clears what all are woken by: none waits for another.
        self._grew.clear()
        await self._grew.wait()

    def _wake(self) -> None:
        self._grew.set()


class Following:
    """An ASGI response of a blob while it comes in."""

    def __init__(self, arriving: Arriving, descriptor: int, headers: Mapping[str, str]) -> None:
        self._arriving = arriving
        self._descriptor = descriptor
        self._headers = {**headers, "content-length": str(arriving.size)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI has it; raises what the blob ended with, and so cuts the connection."""
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            raw = [(key.encode(), value.encode("latin-1")) for key, value in self._headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
            place, size = 0, self._arriving.size
            while place < size and not gone.done():
                until = min(await self._arriving.room(place), place + _PIECE)
                data = await asyncio.to_thread(os.pread, self._descriptor, until - place, place)
                if not data:
                    # Counted, and still in the writer's buffer.
                    await asyncio.sleep(0.01)
                    continue
                place += len(data)
                more = place < size
                await send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            gone.cancel()
            os.close(self._descriptor)


class Growing(BlobStore):
    """A store that one blob comes into, whether the store has it or not.

    That the store has the bytes says nothing: upstream must have them too, for the blob to be its.
    """

    def __init__(self, root: Path, arriving: Arriving) -> None:
        super().__init__(root)
        self._arriving = arriving

    def has(self, digest: Digest, size: int | None = None) -> bool:
        """Never: see the class."""
        return False

    @contextmanager
    def writer(
        self, expected: Digest | None = None, size: int | None = None
    ) -> Iterator[BlobWriter]:
        """As of a store; who follows the blob is told of its file, and it is synced at the end."""
        with super().writer(expected, size) as blob:
            self._arriving.opened(blob.path)
            yield blob
            with blob.path.open("rb") as file:
                os.fsync(file.fileno())
