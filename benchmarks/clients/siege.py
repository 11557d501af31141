"""What a registry has to bear beside its work: silent connections, and somebody who guesses.

    python -m clients.siege PORT --idle 2000 --guesses 60 --user NAME

Half of the connections send nothing, half of them half a head; those that the server closes are
opened again. So many wrong passwords a second come for one user, each on a connection of its own.
Says "ready" on standard output when all stand, and goes on until its standard input is closed.
"""

from __future__ import annotations

import argparse
import base64
import select
import socket
import sys
import threading
import time

HALF = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-"
_OPENED_AT_ONCE = 50


class Silent:
    """Connections that never ask."""

    def __init__(self, port: int, count: int) -> None:
        self._port, self._count = port, count
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}

    def keep(self) -> None:
        """Open some of those that are missing, and forget those that were closed."""
        for _ in range(min(_OPENED_AT_ONCE, self._count - len(self._open))):
            stream = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            if len(self._open) % 2:
                stream.sendall(HALF)
            self._open[stream.fileno()] = stream
            self._poll.register(stream.fileno(), select.EPOLLIN)
        for descriptor, _ in self._poll.poll(0):
            self._poll.unregister(descriptor)
            self._open.pop(descriptor).close()

    @property
    def all_open(self) -> bool:
        return len(self._open) >= self._count


def guess(port: int, user: str, each_second: int) -> None:
    """Wrong passwords, one after the other and evenly, never the same twice."""
    begun, number = time.monotonic(), 0
    while True:
        number += 1
        time.sleep(max(0.0, begun + number / each_second - time.monotonic()))
        pair = base64.b64encode(f"{user}:guess {number}".encode()).decode()
        threading.Thread(target=_ask, args=(port, pair), daemon=True).start()


def _ask(port: int, pair: str) -> None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
            head = f"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\n\r\n"
            stream.sendall(head.encode())
            stream.recv(1000)
    except OSError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--guesses", type=int, default=60, help="a second")
    parser.add_argument("--user", required=True)
    options = parser.parse_args()
    silent = Silent(options.port, options.idle)
    while not silent.all_open:
        silent.keep()
    arguments = (options.port, options.user, options.guesses)
    threading.Thread(target=guess, args=arguments, daemon=True).start()
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        silent.keep()


if __name__ == "__main__":
    main()
