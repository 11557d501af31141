"""A TCP relay between a client and a port of this machine: counts, cuts and slows down.

with Wiretap(5000) as tap:
    tap.cut_sent = [1_000_000]      # the next connection that sends so much is cut there
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Wiretap:
    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.sent = 0
        """Bytes that clients sent."""
        self.cut_sent: list[int] = []
        self.cut_received: list[int] = []
        """After how many bytes of one direction a connection is cut; each cut takes one entry."""
        self.slow = 0.0
        """Seconds to wait after each 4 KiB that clients receive."""
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.slow = 0.0
        # Closing alone does not wake a thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for end in self._open:
            _hang_up(end)
        for thread in self._threads[1:]:
            thread.join()
        for end in self._open:
            end.close()

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open += [client, server]
            for one, other, up in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._relay, args=(one, other, up))
                self._threads.append(thread)
                thread.start()

    def _relay(self, one: socket.socket, other: socket.socket, up: bool) -> None:
        count = 0
        with contextlib.suppress(OSError):
            while data := one.recv(4096 if self.slow else 65536):
                count += len(data)
                if self._counted(len(data), count, up):
                    break
                other.sendall(data)
                if self.slow and not up:
                    time.sleep(self.slow)
        _hang_up(one)
        _hang_up(other)

    def _counted(self, amount: int, count: int, up: bool) -> bool:
        with self._lock:
            if up:
                self.sent += amount
            limits = self.cut_sent if up else self.cut_received
            if limits and count > limits[0]:
                limits.pop(0)
                return True
        return False


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
