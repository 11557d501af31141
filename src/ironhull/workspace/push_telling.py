"""Tells channels of pushes to this machine's registry, in a thread: no push waits for them.

Of a tag that is pushed again before it was told of, the newest push is told: whoever is told wants
to know what the tag is now. What still does not fit into the line is counted, and noted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ironhull.errors import IronhullError
from ironhull.notify.choice import ChannelChoice
from ironhull.notify.message import Message
from ironhull.registry.server.rules import Push
from ironhull.reports.words import moment
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import notifier

_WAITING = 1000
_IDLE_SECONDS = 10.0


class PushTelling:
    """Called with each push. What cannot be told after some tries is noted and forgotten."""

    def __init__(
        self,
        machine: Machine,
        choices: Sequence[ChannelChoice],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        most: int = _WAITING,
    ) -> None:
        self._machine, self._choices, self._clock = machine, choices, clock
        self._most = most
        self._waiting: OrderedDict[str, Message] = OrderedDict()
        self._lost = 0
        self._changed = threading.Condition()
        self._working = False

    def __call__(self, push: Push) -> None:
        """Put a push in line, or in the place of an older one of its tag."""
        name = f"{push.repository}:{push.tag}"
        by = f" by {push.by}" if push.by else ""
        details = {"repository": push.repository, "tag": push.tag, "digest": push.digest}
        text = f"{name} was pushed{by}: {push.digest}"
        message = Message("published", name, text, moment(self._clock()), details)
        with self._changed:
            if name not in self._waiting and len(self._waiting) >= self._most:
                self._lost += 1
                if self._lost == 1:
                    self._note(f"{self._most} pushes wait; nobody is told of {name}")
                return
            self._waiting[name] = message
            self._changed.notify()
            if not self._working:
                # In the process that serves, which is not the one that this was made in.
                self._working = True
                threading.Thread(target=self._work, name="told", daemon=True).start()

    def _work(self) -> None:
        try:
            with notifier(self._machine, self._choices) as opened:
                while (message := self._next()) is not None:
                    opened.tell(message)
        except Exception as error:
            # Whatever it was: a thread that ended must not be taken for one that works.
            said = str(error) if isinstance(error, IronhullError) else repr(error)
            with self._changed:
                self._note(f"nobody is told of {len(self._waiting)} pushes: {said}")
                self._waiting.clear()
                self._working = False

    def _next(self) -> Message | None:
        """The message that waits longest; None, and this is no thread that works, if none comes."""
        with self._changed:
            if self._lost and len(self._waiting) < self._most // 2:
                self._note(f"nobody was told of {self._lost} pushes, too many waited")
                self._lost = 0
            if not self._waiting:
                self._changed.wait(_IDLE_SECONDS)
            if not self._waiting:
                self._working = False
                return None
            return self._waiting.popitem(last=False)[1]

    def _note(self, text: str) -> None:
        self._machine.progress.note(f"note: {text}")
