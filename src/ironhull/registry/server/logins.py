"""Who may have a password checked now: checks are slow on purpose, so nobody gets many at once.

1. What was right or wrong a short time ago, or is being checked, is not checked again.
2. After some failures an address has to pause for that name: 1, 2, 4 … 60 seconds (429).
3. A name has one check at a time and an address some, side by side in threads (bcrypt lets others
   run), so that neither holds all of them; after many failures an address has one.
4. The rest waits in a queue with room for a few of each name and address (429 beyond).
5. Who comes from an address with failures is checked with what others leave of the processors, or
   guessing would slow down every pull and push.

All of it goes by the name as given: whether there is such a user must not show. What a network of
many addresses can do is bounded by the threads alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial

from ironhull.registry.server.access import Access
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.users import Identity

_THREADS = 4
_PER_ADDRESS = 3
_QUEUE, _QUEUE_OF_ADDRESS, _QUEUE_OF_NAME = 64, 16, 4
# Failures without a pause, and those after which an address is no longer trusted with threads.
_FREE = 5
_MANY = 30
_LONGEST_PAUSE = 60.0
_FAILURES_REMEMBERED = 900.0
_WRONG_REMEMBERED = 30.0
_KEPT = 4096
# Of each turn of a busy processor a tenth; less, and somebody behind the same address who knows
# the password waits too long.
_NICE = 10
_NICEST = 19


class _Failures:
    """How often something failed and when last, for the latest few thousand that did."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def add(self, what: Hashable, now: float) -> None:
        """One more."""
        self._kept[what] = (self.count(what, now) + 1, now)
        self._kept.move_to_end(what)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def count(self, what: Hashable, now: float) -> int:
        """How often, unless the last time is long ago."""
        count, last = self._kept.get(what, (0, 0.0))
        return count if now - last < _FAILURES_REMEMBERED else 0

    def pause(self, what: Hashable, now: float) -> float:
        """Seconds from now until the next try; 0 if it may be made now."""
        count, last = self._kept.get(what, (0, 0.0))
        if count <= _FREE:
            return 0.0
        # The exponent is bounded too: a client may fail for years.
        return max(0.0, last + min(_LONGEST_PAUSE, 2.0 ** min(count - _FREE - 1, 16)) - now)

    def forget(self, what: Hashable) -> None:
        """It succeeded."""
        self._kept.pop(what, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """One check that somebody waits for."""

    address: str
    name: str
    password: str
    key: bytes
    answer: asyncio.Future[Identity | None] = field(repr=False)


class Logins:
    """The checks of one server; its methods are the event loop's alone."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, "bcrypt")
        self._patient = ThreadPoolExecutor(_THREADS, "bcrypt-last", _be_nice)
        self._queue: list[_Waiting] = []
        self._running: list[_Waiting] = []
        self._asked: dict[bytes, asyncio.Future[Identity | None]] = {}
        self._wrong: OrderedDict[bytes, float] = OrderedDict()
        self._of_pairs, self._of_addresses = _Failures(), _Failures()

    async def identify(self, client: str, name: str, password: str) -> Identity | None:
        """The user whose password this is, None if it is not; TOOMANYREQUESTS says when to retry.

        `client` is the address that asks.
        """
        known = self._access.remembered(name, password)
        if known is not None:
            return known
        key, now = self._access.key(name, password), self._clock()  # 1
        if self._wrong.get(key, 0.0) > now:
            return None
        answer = self._asked.get(key)
        if answer is None:
            address = network(client)
            pause = self._of_pairs.pause((address, name), now)  # 2
            if pause:
                raise _wait(f"too many wrong passwords for {name!r:.80}", pause)
            answer = self._line_up(address, name, password, key)
        # One that goes away does not end the check for the others.
        return await asyncio.shield(answer)

    def close(self) -> None:
        """Start no further check."""
        for pool in (self._pool, self._patient):
            pool.shutdown(wait=False, cancel_futures=True)

    def _line_up(
        self, address: str, name: str, password: str, key: bytes
    ) -> asyncio.Future[Identity | None]:
        of_address = sum(1 for item in self._queue if item.address == address)
        of_name = sum(1 for item in self._queue if item.name == name)
        if (
            len(self._queue) >= _QUEUE
            or of_address >= _QUEUE_OF_ADDRESS
            or of_name >= _QUEUE_OF_NAME
        ):  # 4
            raise _wait("too many logins at once", 5)
        answer: asyncio.Future[Identity | None] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        self._queue.append(_Waiting(address, name, password, key, answer))
        self._start()
        return answer

    def _start(self) -> None:
        """Begin what may begin now, in the order of coming, addresses with failures last."""
        names = {item.name for item in self._running}
        addresses = Counter(item.address for item in self._running)
        now = self._clock()
        failures = {
            item.address: self._of_addresses.count(item.address, now) for item in self._queue
        }
        for item in sorted(self._queue, key=lambda item: failures[item.address]):
            if len(self._running) >= _THREADS:
                return
            many = failures[item.address] >= _MANY
            if item.name in names or addresses[item.address] >= (1 if many else _PER_ADDRESS):
                continue  # 3
            names.add(item.name)
            addresses[item.address] += 1
            self._queue.remove(item)
            self._running.append(item)
            pool = self._patient if failures[item.address] else self._pool  # 5
            work = asyncio.get_running_loop().run_in_executor(
                pool, self._access.check, item.name, item.password
            )
            work.add_done_callback(partial(self._done, item))

    def _done(self, item: _Waiting, work: asyncio.Future[Identity | None]) -> None:
        self._running.remove(item)
        self._asked.pop(item.key, None)
        if work.cancelled():
            item.answer.cancel()
            return
        error = work.exception()
        if error is not None:
            item.answer.set_exception(error)
        else:
            self._learn(item, work.result())
            item.answer.set_result(work.result())
        self._start()

    def _learn(self, item: _Waiting, found: Identity | None) -> None:
        pair, now = (item.address, item.name), self._clock()
        if found is not None:
            self._of_pairs.forget(pair)
            return
        self._of_pairs.add(pair, now)
        self._of_addresses.add(item.address, now)
        self._wrong[item.key] = now + _WRONG_REMEMBERED
        while len(self._wrong) > _KEPT:
            self._wrong.popitem(last=False)


@lru_cache(maxsize=_KEPT)
def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 host may choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _be_nice() -> None:
    """Let all others go first; of this thread alone (sched(7): on Linux each has its own value)."""
    thread = threading.get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread) + _NICE
    os.setpriority(os.PRIO_PROCESS, thread, min(nice, _NICEST))


def _wait(why: str, seconds: float) -> Refusal:
    headers = {"retry-after": str(max(1, round(seconds)))}
    return Refusal("TOOMANYREQUESTS", f"{why}, try again later", headers=headers)
