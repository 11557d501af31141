"""A file in large pieces: out of memory at once, the rest by a thread, and never wrong bytes."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from ironhull.registry.server import bursts as module
from ironhull.registry.server.bursts import Bursts

PIECE = 768 * 1024
SIZE = 2 * PIECE + 1000
DATA = os.urandom(SIZE)


class Client:
    """What an application sends to it; `leave` after so many pieces."""

    def __init__(self, leave=None):
        self.pieces = []
        self.ended = False
        self._left = asyncio.Event()
        self._leave = leave

    async def receive(self):
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        # A copy, as the web server makes one.
        self.pieces.append(bytes(message["body"]))
        self.ended = not message["more_body"]
        if len(self.pieces) == self._leave:
            self._left.set()


class Kernel:
    """Reads as the kernel does when only the bytes before `cached` are in memory."""

    def __init__(self, monkeypatch, cached, refusal=errno.EAGAIN):
        self.waited = []
        self._read, self._cached, self._refusal = os.preadv, cached, refusal
        monkeypatch.setattr(module.os, "preadv", self)

    def __call__(self, descriptor, buffers, place, flags=0):
        if not flags:
            self.waited.append(place)
            return self._read(descriptor, buffers, place)
        if place >= self._cached:
            raise OSError(self._refusal, os.strerror(self._refusal))
        with memoryview(buffers[0]) as view:
            return self._read(descriptor, [view[: self._cached - place]], place)


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "blob"
    made.write_bytes(DATA)
    return made


def sent(bursts, path, client, size=SIZE):
    return asyncio.run(bursts.body(path, size, client.receive, client.send))


def test_a_file_in_memory_is_sent_in_large_pieces_and_needs_no_thread(path, monkeypatch):
    kernel, client = Kernel(monkeypatch, cached=SIZE), Client()
    assert sent(Bursts(1), path, client)
    assert [len(each) for each in client.pieces] == [PIECE, PIECE, 1000]
    assert b"".join(client.pieces) == DATA
    assert client.ended
    assert kernel.waited == []


@pytest.mark.parametrize("size", [1, 1000, PIECE, PIECE + 1, 2 * PIECE])
def test_every_size_comes_whole(tmp_path, size):
    path, client = tmp_path / "blob", Client()
    path.write_bytes(DATA[:size])
    assert sent(Bursts(1), path, client, size)
    assert b"".join(client.pieces) == DATA[:size]
    assert client.ended


@pytest.mark.parametrize("cached", [PIECE, PIECE + 5000])
def test_what_is_not_in_memory_is_waited_for_by_a_thread(path, monkeypatch, cached):
    kernel, client = Kernel(monkeypatch, cached), Client()
    assert sent(Bursts(1), path, client)
    assert b"".join(client.pieces) == DATA
    assert kernel.waited == [PIECE, 2 * PIECE]


@pytest.mark.parametrize("refusal", [errno.EAGAIN, errno.EOPNOTSUPP])
@pytest.mark.parametrize("cached", [0, PIECE - 1])
def test_a_file_that_is_on_disk_only_is_left_to_the_web_server(path, monkeypatch, cached, refusal):
    kernel, client = Kernel(monkeypatch, cached, refusal), Client()
    assert not sent(Bursts(1), path, client)
    assert client.pieces == []
    assert kernel.waited == []


def test_a_file_that_became_shorter_is_never_sent_as_whole(path):
    client = Client()
    with pytest.raises(OSError, match="became shorter"):
        sent(Bursts(1), path, client, SIZE + 1)
    assert not client.ended
    assert b"".join(client.pieces) == DATA[: 2 * PIECE]


def test_nothing_more_is_read_for_a_client_that_has_gone(path):
    client = Client(leave=1)
    assert sent(Bursts(1), path, client)
    assert client.pieces == [DATA[:PIECE]]


def test_beyond_the_room_the_web_server_sends(path):
    bursts, client, other = Bursts(1), Client(), Client()

    async def both():
        mine = bursts.body(path, SIZE, client.receive, client.send)
        return await asyncio.gather(mine, bursts.body(path, SIZE, other.receive, other.send))

    assert asyncio.run(both()) == [True, False]
    assert other.pieces == []
    # What ended, well or not, leaves its room to the next.
    with pytest.raises(OSError, match="became shorter"):
        sent(bursts, path, Client(), SIZE + 1)
    assert sent(bursts, path, other)
    assert b"".join(other.pieces) == DATA


def test_others_have_their_turn_between_two_pieces(path):
    client, seen = Client(), []

    async def both():
        sending = asyncio.ensure_future(Bursts(1).body(path, SIZE, client.receive, client.send))
        while not sending.done():
            seen.append(len(client.pieces))
            await asyncio.sleep(0)

    asyncio.run(both())
    assert {1, 2} <= set(seen)
