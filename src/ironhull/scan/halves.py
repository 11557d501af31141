"""Half of a work in a child process, while this one does the other half."""

from __future__ import annotations

import marshal
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

_Given = TypeVar("_Given")


def halves(
    here: Callable[[], _Given], there: Callable[[], _Given | None]
) -> tuple[_Given, _Given | None]:
    """What both give; of `there` None if it failed, or was not begun: then it is to be done here.

    `there` runs in a copy of this process, gives values that marshal knows, and lets alone what it
    inherits: open files, connections. It is not begun where it would have to wait for a CPU, nor
    where other threads run: what they have locked would stay so in the copy.
    """
    if len(os.sched_getaffinity(0)) == 1 or threading.active_count() > 1:
        return here(), None
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _answer(there, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as answer:
            given = here()
            sent = answer.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    return given, None if status else marshal.loads(sent)  # noqa: S302 - our own child's


def _answer(there: Callable[[], Any], writer: int) -> NoReturn:
    """Send what it gives and end at once: nothing that this process left to do is done twice."""
    status = 1
    try:
        # Ctrl-C is for the parent, which ends its child.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sent = marshal.dumps(there())
        with open(writer, "wb") as answer:
            answer.write(sent)
        status = 0
    finally:
        # An exception is not shown: the parent meets it again when it does the work itself.
        os._exit(status)
