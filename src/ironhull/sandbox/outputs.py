"""Outputs of this process that a program in the sandbox may open by name, as /dev/stdout.

As root on the host the program is another user than who owns them, and opening asks for rights that
writing to what is open does not. Pipes can be given to it (`running.give_pipes`). A file may not
be: the program gets a pipe instead, which is copied to it. A terminal is written by its group
(tty), where it has that right; else the program gets one of its own, which is copied too.
"""

from __future__ import annotations

import fcntl
import os
import stat
import termios
import threading
import tty
from collections.abc import Iterable
from contextlib import ExitStack

_CHUNK = 1 << 16
_GROUPS = 1 << 16
_DRAIN = 60.0
"""Seconds that what was written last has to reach its file."""


def openable(
    stack: ExitStack, streams: tuple[int, int, int], user: int
) -> tuple[tuple[int, int, int], ExitStack]:
    """The streams with outputs that this user may open; and our ends of what is new among them.

    Those are to be closed once the program has its own. All that was written is where it belongs
    when `stack` has been left.
    """
    # One file or terminal for both: one pipe, so that lines keep their order.
    known: dict[tuple[int, int], int] = {}
    ours = ExitStack()
    outputs = []
    for number in streams[1:]:
        found = os.fstat(number)
        key = (found.st_dev, found.st_ino)
        if key not in known:
            known[key] = _instead(stack, ours, number, user)
        outputs.append(number if known[key] < 0 else known[key])
    # Last in, first out: what is still ours is closed before copiers are waited for.
    stack.enter_context(ours)
    return (streams[0], outputs[0], outputs[1]), ours


def _instead(stack: ExitStack, ours: ExitStack, number: int, user: int) -> int:
    """What the program gets instead of this output; -1: it may have that itself."""
    if stat.S_ISREG(os.fstat(number).st_mode):
        reading, writing = os.pipe()
    elif os.isatty(number) and not terminal_groups([number]):
        reading, writing = _terminal(number, user)
    else:
        return -1
    copier = threading.Thread(target=_copy, args=(reading, number), daemon=True)
    copier.start()
    stack.callback(copier.join, _DRAIN)
    ours.callback(os.close, writing)
    return writing


def _terminal(like: int, user: int) -> tuple[int, int]:
    """A new terminal of the user's, as large as another one, which does all that changes text."""
    reading, writing = os.openpty()
    tty.setraw(writing)
    size = fcntl.ioctl(like, termios.TIOCGWINSZ, bytes(8))
    fcntl.ioctl(writing, termios.TIOCSWINSZ, size)
    os.fchown(writing, user, -1)
    return reading, writing


def _copy(reading: int, writing: int) -> None:
    """To the end; a file that takes no more ends it for who writes too."""
    try:
        while data := os.read(reading, _CHUNK):
            view = memoryview(data)
            while view:
                view = view[os.write(writing, view) :]
    except OSError:
        # A terminal's end is an error as well (EIO).
        pass
    finally:
        os.close(reading)


def terminal_groups(numbers: Iterable[int]) -> tuple[int, ...]:
    """Groups that may write to the terminals among them, as far as the sandbox has them."""
    found = [os.fstat(number) for number in numbers if os.isatty(number)]
    groups = [one.st_gid for one in found if one.st_mode & stat.S_IWGRP and one.st_gid < _GROUPS]
    return tuple(dict.fromkeys(groups))
