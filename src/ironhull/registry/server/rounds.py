"""What several threads want done at one time, done together: group commit.

1. Who comes while nothing is under way does it at once, for itself alone.
2. Who comes meanwhile waits. When the work is done, the first who waits does the next round, for
   all who wait by then.
3. Each goes on when its own round is done, or fails with that round's error.

So of ten that want the same file written two rounds are made, not ten; nobody waits for more than
the round under way and its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class _Waiting(Generic[_Item]):
    """A thread that waits; `called` is let go when its round is done, or when it is to do one."""

    __slots__ = ("called", "done", "error", "item")

    def __init__(self, item: _Item) -> None:
        self.item = item
        self.done = False
        self.error: BaseException | None = None
        self.called = threading.Lock()
        self.called.acquire()


class Rounds(Generic[_Item]):
    """Does `work` of all items that came together, one round at a time. Call it from any thread."""

    def __init__(self, work: Callable[[Sequence[_Item]], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[_Item]] = []
        self._running = False

    def do(self, item: _Item) -> None:
        """Come back when a round that began after this call has done the item; its error if not."""
        mine = _Waiting(item)
        with self._lock:
            self._waiting.append(mine)
            first, self._running = not self._running, True
        if not first:
            mine.called.acquire()
        if not mine.done:
            self._round()
        if mine.error is not None:
            raise mine.error

    def _round(self) -> None:
        with self._lock:
            together, self._waiting = self._waiting, []
        error = None
        try:
            self._work([each.item for each in together])
        except BaseException as raised:
            error = raised
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._running = following is not None
        if following is not None:
            following.called.release()
        for each in together:
            each.error, each.done = error, True
            each.called.release()
