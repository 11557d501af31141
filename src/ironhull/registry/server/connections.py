"""Room for new connections: what idle, half-open and slow ones may take of it.

The web server reads heads and sends files by itself, and closes a connection whose head does not
come in time. It knows no addresses, and nothing bounds how slowly a client reads. So:

1. `Connections.request` counts what is being answered, and refuses an address that has too much.
2. A thread looks at this process's own sockets about once a second, as the kernel sees them
   (`TCP_INFO`, tcp(7)), and shuts down what it may not keep:
   a. what was idle for `Limits.idle`, whatever the web server waits for (a TLS handshake);
   b. readers that take less than `Limits.slowest` bytes a second over `Limits.patience`;
   c. of an address with too many, those that are idle longest;
   d. when three quarters of all room are taken, idle ones of the address with most.

A connection is idle if nothing of it is being answered and nothing waits to be sent. No byte of
a request or an answer passes through here, so it costs nothing where nothing is wrong.
"""

from __future__ import annotations

import heapq
import os
import socket
import stat
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ironhull.registry.server.limits import Limits
from ironhull.registry.server.logins import network
from ironhull.registry.server.refusal import Refusal

_DESCRIPTORS = "/proc/self/fd"
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_EVERY = 1.0
_EVERY_IN_NEED = 0.25
# Of struct tcp_info (linux/tcp.h): state, segments not acknowledged, milliseconds since the last
# byte was sent, bytes acknowledged, bytes not sent.
_TCP_INFO = struct.Struct("=B23xI16xI72xQ16xI")
# Of the same: microseconds of the shortest round trip (Linux 4.9).
_ROUND_TRIP = struct.Struct("=148xI")
# Established, or the client has sent all; what was shut down is the web server's to close.
_OPEN = (1, 8)
# Between two pieces of a file nothing may wait to be sent for a moment.
_JUST_SENT_MS = 1000

Note = Callable[[str], None]
_Key = TypeVar("_Key")


@dataclass(slots=True, eq=False)
class _Seen:
    """A connection as the last look saw it; times are monotonic seconds."""

    descriptor: int
    inode: int
    family: int
    client: tuple[str, int]
    address: str
    since: float  # when it was last in use, or first seen
    busy: bool = False
    # Since when bytes wait to be sent without a break, and how many the client had taken then.
    waiting: float | None = None
    taken: int = 0
    slow: bool = False


class Connections:
    """The connections to one port of this process; `capacity` is how many it can have."""

    def __init__(self, limits: Limits, port: int = 0, capacity: int = 1024) -> None:
        self._limits = limits
        self._port = port
        self._room = capacity * 3 // 4
        # A quarter at most: nobody takes all of it from one address.
        self._of_address = max(1, min(limits.connections_of_address, capacity // 4))
        self._answering: Counter[tuple[str, int]] = Counter()
        self._requests: Counter[str] = Counter()
        self._crowded: frozenset[str] = frozenset()
        self._seen: dict[int, _Seen] = {}
        self._stop = threading.Event()
        self.count = self.shut = 0

    @contextmanager
    def request(self, client: tuple[str, int | str] | None) -> Iterator[None]:
        """Around the answering of a request; TOOMANYREQUESTS if its address has too many.

        The event loop's alone.
        """
        client = _numbered(client or ("", 0))
        address = network(client[0])
        if self._requests[address] >= self._of_address or address in self._crowded:
            raise Refusal(
                "TOOMANYREQUESTS",
                f"more than {self._of_address} connections of one address are in use",
                headers={"retry-after": "5", "connection": "close"},
            )
        self._requests[address] += 1
        self._answering[client] += 1
        try:
            yield
        finally:
            _less(self._requests, address)
            _less(self._answering, client)

    def start(self, note: Note) -> None:
        """Look from now on; `note` gets a sentence when connections were shut down."""
        if self._port and Path(_DESCRIPTORS).is_dir():
            thread = threading.Thread(target=self._watch, args=(note,), name="connections")
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def hold_little(self, client: tuple[str, int | str]) -> bool:
        """Before much is sent to a client that is near: let little of it wait; whether it is near.

        What waits in megabytes for somebody on the same machine (a proxy, an engine) is out of the
        processor's caches when it is read: a pull took twice the time beside other work. Who is
        far needs what is on its way to be much, and the kernel finds how much by itself.
        """
        seen, client = self._seen, _numbered(client)
        known = [each.descriptor for each in seen.values() if each.client == client]
        return any(self._held_little(each, client) for each in known) or any(
            self._held_little(each, client)
            for each, inode in _sockets().items()
            if each not in seen or seen[each].inode != inode
        )

    def _held_little(self, descriptor: int, client: tuple[str, int]) -> bool:
        with suppress(OSError), _copied(descriptor) as copy:
            if copy.family not in _FAMILIES or copy.getsockname()[1] != self._port:
                return False
            if copy.getpeername()[:2] != client:
                return False
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROUND_TRIP.size)
            if _ROUND_TRIP.unpack(info)[0] > self._limits.near * 1e6:
                return False
            # The kernel doubles it.
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.near_buffer // 2)
            return True
        return False

    def look(self, now: float) -> Counter[str]:
        """Look once, and shut down what may not stay: why → how many."""
        found = {seen.descriptor: seen for seen in self._found(now)}
        self._seen = {n: seen for n, seen in found.items() if self._update(seen, now)}
        every = list(self._seen.values())
        reasons = self._judged(every, now)
        # Idle ones give way to new ones, so they are no reason to refuse any.
        used = Counter(seen.address for seen in every if seen.busy and seen not in reasons)
        self._crowded = frozenset(who for who, count in used.items() if count >= self._of_address)
        self.count = len(every)
        done = Counter(why for seen, why in reasons.items() if _shut_down(seen))
        self.shut += done.total()
        return done

    def _watch(self, note: Note) -> None:
        while not self._stop.wait(_EVERY_IN_NEED if self.count > self._room // 2 else _EVERY):
            try:
                done = self.look(time.monotonic())
            except Exception as error:
                # The server answers without this thread too; a defect here must not end it.
                note(f"looking at connections failed: {error!r}")
                continue
            if done:
                reasons = ", ".join(f"{why}: {count}" for why, count in sorted(done.items()))
                note(f"shut down {done.total()} of {self.count} connections ({reasons})")

    def _found(self, now: float) -> Iterator[_Seen]:
        """The accepted connections among this process's descriptors."""
        for descriptor, inode in _sockets().items():
            known = self._seen.get(descriptor)
            if known is None or known.inode != inode:
                known = self._new(descriptor, inode, now)
            if known is not None:
                yield known

    def _new(self, descriptor: int, inode: int, now: float) -> _Seen | None:
        """A connection that was not there before; None for other sockets."""
        with suppress(OSError), _copied(descriptor) as copy:
            if copy.family not in _FAMILIES:
                return None
            if copy.getsockname()[1] != self._port:
                return None
            host, port = copy.getpeername()[:2]
            address = network(host)
            return _Seen(descriptor, inode, copy.family, (host, port), address, since=now)
        return None

    def _update(self, seen: _Seen, now: float) -> bool:
        """Look at one connection anew; False if it is gone."""
        info = _tcp_info(seen)
        if info is None:
            return False
        state, unacked, last_sent, acked, not_sent = _TCP_INFO.unpack(info)
        if state not in _OPEN:
            return False
        waits = bool(unacked or not_sent)
        just_sent = acked > 0 and last_sent < _JUST_SENT_MS
        seen.busy = waits or just_sent or seen.client in self._answering
        if seen.busy:
            seen.since = now
        if not waits:
            seen.waiting, seen.slow = None, False
        elif seen.waiting is None:
            seen.waiting, seen.taken = now, acked
        elif now - seen.waiting >= self._limits.patience:
            seen.slow = acked - seen.taken < self._limits.slowest * (now - seen.waiting)
            seen.waiting, seen.taken = now, acked
        return True

    def _judged(self, every: Iterable[_Seen], now: float) -> dict[_Seen, str]:
        """What may not stay, and why."""
        every = sorted(every, key=lambda seen: seen.since)
        reasons = {seen: "reads too slowly" for seen in every if seen.slow}  # b
        for seen in every:
            if not seen.busy and now - seen.since >= self._limits.idle:  # a
                reasons[seen] = "idle"
        counts = Counter(seen.address for seen in every if seen not in reasons)
        idle: defaultdict[str, deque[_Seen]] = defaultdict(deque)
        for seen in every:
            if seen in reasons or seen.busy:
                continue
            if counts[seen.address] > self._of_address:  # c
                reasons[seen] = "too many of one address"
                counts[seen.address] -= 1
            else:
                idle[seen.address].append(seen)
        excess = counts.total() - self._room  # d
        most = [(-counts[address], address) for address in idle]
        heapq.heapify(most)
        while excess > 0 and most:
            _, address = heapq.heappop(most)
            reasons[idle[address].popleft()] = "room is needed"
            excess, counts[address] = excess - 1, counts[address] - 1
            if idle[address]:
                heapq.heappush(most, (-counts[address], address))
        return reasons


def _sockets() -> dict[int, int]:
    """All sockets of this process: descriptor → inode."""
    found = {}
    for name in os.listdir(_DESCRIPTORS):
        with suppress(OSError):
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[int(name)] = status.st_ino
    return found


def _tcp_info(seen: _Seen) -> bytes | None:
    """What the kernel knows of the connection; None if it is gone."""
    try:
        # All three are given, so that nothing is asked for that we know. Never closed here: the
        # descriptor is the web server's.
        borrowed = socket.socket(seen.family, socket.SOCK_STREAM, 6, fileno=seen.descriptor)
    except OSError:
        return None
    try:
        info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None
    finally:
        borrowed.detach()
    return info if len(info) == _TCP_INFO.size else None


def _shut_down(seen: _Seen) -> bool:
    """End the connection, if the descriptor is still its own; the web server then closes it."""
    with suppress(OSError), _copied(seen.descriptor) as copy:
        if os.fstat(copy.fileno()).st_ino == seen.inode:
            copy.shutdown(socket.SHUT_RDWR)
            return True
    return False


@contextmanager
def _copied(descriptor: int) -> Iterator[socket.socket]:
    """The socket by a descriptor of our own, which stays its own whatever the web server does."""
    own = os.dup(descriptor)
    try:
        copy = socket.socket(fileno=own)
    except BaseException:
        os.close(own)
        raise
    with copy:
        yield copy


def _numbered(client: tuple[str, int | str]) -> tuple[str, int]:
    """As the kernel has it: the web server gives ports as text, against what ASGI says."""
    return client[0], int(client[1])


def _less(counter: Counter[_Key], key: _Key) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
