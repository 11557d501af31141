"""What works on images: this process, processes of this machine, or a Dask cluster.

local     a process for each processor
local:N   N processes; 1: this one, without another
dask:A    the workers of the scheduler at the address A (tcp://HOST:PORT), on any machines that have
          a home and the same catalog at the same places
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ironhull.errors import EnvironmentProblem, InputError

MAX_PROCESSES = 256
_SCHEDULER = re.compile(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}")
_PATIENCE = 20
"""Seconds for a scheduler to answer."""
_OBJECTS = 50_000
"""New ones after which a worker looks for circles."""


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor, and whether it works in this process: then it can be told of each step."""

    executor: Executor
    here: bool
    number: int
    """How many images are worked on at once."""
    alive: Callable[[], bool] = lambda: True
    """Whether what was submitted can still come to an end."""


@contextmanager
def workers(text: str) -> Iterator[Workers]:
    """The workers that a text names, for as long as the block lasts; InputError for any other."""
    kind, _, rest = text.partition(":")
    if kind == "dask" and _SCHEDULER.fullmatch(rest):
        with _cluster(rest) as those:
            yield those
        return
    number = _number(rest) if kind == "local" else 0
    if not number:
        raise InputError(
            f"--executor {text!r:.100}: expected local, local:N or dask:tcp://HOST:PORT"
        )
    if number == 1:
        with ThreadPoolExecutor(1, "watch") as threads:
            yield Workers(threads, True, 1)
        return
    # Not forked: a child of a process with threads may find their locks held for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(number, context, _in_a_worker) as processes:
        yield Workers(processes, False, number)


@contextmanager
def _cluster(address: str) -> Iterator[Workers]:
    with _client(address) as client:
        # A task whose worker dies is given to another one; that it is done twice does no harm.
        # What is submitted while the client looks for its scheduler again never ends: another one
        # in its place is a reason to begin anew.
        try:
            first = client.scheduler_info()["id"]
        except Exception as error:
            raise EnvironmentProblem(f"no Dask scheduler answers at {address}: {error}") from None

        def alive() -> bool:
            try:
                return bool(client.status == "running" and client.scheduler_info()["id"] == first)
            except Exception:
                return False

        yield Workers(client.get_executor(pure=False), False, MAX_PROCESSES, alive)


def _client(address: str) -> Any:
    """A client of the scheduler there; EnvironmentProblem where none answers."""
    # Optional, and takes half a second to load.
    try:
        from distributed import Client
        from distributed.security import Security
    except ModuleNotFoundError:
        raise EnvironmentProblem(
            "distributed is not installed (pip install 'ironhull[dask]')"
        ) from None
    # The watcher says once that a scheduler is gone; the library would in tracebacks.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL + 1)
    if address.startswith("tls:") and not Security().get_connection_args("client")["ssl_context"]:
        raise EnvironmentProblem(
            f"{address} is reached with TLS, and there are no certificates for it (expected in "
            "distributed's settings: distributed.comm.tls.ca-file, .client.cert, .client.key)"
        )
    found: list[Any] = []

    def connect() -> None:
        try:
            found.append(Client(address, timeout=_PATIENCE, set_as_default=False))
        except Exception as error:  # The library has no class of its own for what it raises.
            found.append(error)

    # Where something else listens the library waits for ever, whatever its patience is.
    thread = threading.Thread(target=connect, name="dask", daemon=True)
    thread.start()
    thread.join(2 * _PATIENCE)
    answer = found[0] if found else "what listens there is something else"
    if isinstance(answer, Client):
        return answer
    raise EnvironmentProblem(f"no Dask scheduler answers at {address}: {answer}")


def _number(text: str) -> int:
    if not text:
        return os.cpu_count() or 1
    return int(text) if text.isdecimal() and 0 < int(text) <= MAX_PROCESSES else 0


def _in_a_worker() -> None:
    """Ctrl-C goes to all processes of a terminal: the watcher decides what it means.

    Of what an image leaves hardly anything is in circles, and to look for them among all that a
    worker has loaded takes a twentieth of its time: so that is done for many images at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_OBJECTS)
