"""What works on images: this process, or processes of this machine.

local     a process for each processor
local:N   N processes; 1: this one, without another
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from ironhull.errors import InputError

MAX_PROCESSES = 256


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor, and whether it works in this process: then it can be told of each step."""

    executor: Executor
    here: bool
    number: int
    """How many images are worked on at once."""


@contextmanager
def workers(text: str) -> Iterator[Workers]:
    """The workers that a text names, for as long as the block lasts; InputError for any other."""
    kind, _, rest = text.partition(":")
    number = _number(rest) if kind == "local" else 0
    if not number:
        raise InputError(f"--executor {text!r:.100}: expected local or local:N")
    if number == 1:
        with ThreadPoolExecutor(1, "watch") as threads:
            yield Workers(threads, True, 1)
        return
    # Not forked: a child of a process with threads may find their locks held for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(number, context, _ignore_interrupts) as processes:
        yield Workers(processes, False, number)


def _number(text: str) -> int:
    if not text:
        return os.cpu_count() or 1
    return int(text) if text.isdecimal() and 0 < int(text) <= MAX_PROCESSES else 0


def _ignore_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal: the watcher decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
