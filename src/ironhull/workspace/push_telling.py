"""Tells channels of pushes to this machine's registry, in a thread: no push waits for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ironhull.notify.choice import ChannelChoice
from ironhull.notify.message import Message
from ironhull.registry.server.rules import Push
from ironhull.reports.words import moment
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import Notifier, notifier

_WAITING = 1000


class PushTelling:
    """Called with each push. What cannot be told after some tries is noted and forgotten."""

    def __init__(
        self,
        machine: Machine,
        choices: Sequence[ChannelChoice],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._machine, self._choices, self._clock = machine, choices, clock
        self._waiting: queue.Queue[Message] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, push: Push) -> None:
        """Put a push in line; of more than a thousand the newest are dropped, and noted."""
        name = f"{push.repository}:{push.tag}"
        by = f" by {push.by}" if push.by else ""
        details = {"repository": push.repository, "tag": push.tag, "digest": push.digest}
        text = f"{name} was pushed{by}: {push.digest}"
        message = Message("published", name, text, moment(self._clock()), details)
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._machine.progress.note(f"note: nobody is told of {name}: too many wait")
            return
        with self._lock:
            # In the process that serves, which is not the one that this was made in.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="told", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        with notifier(self._machine, self._choices) as opened:
            self._tell(opened)

    def _tell(self, opened: Notifier) -> None:
        while True:
            try:
                message = self._waiting.get(timeout=10)
            except queue.Empty:
                return
            opened.tell(message)
