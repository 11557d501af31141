"""Run an engine's command line: bounded output, time-outs, nothing left behind on an interrupt.

The child gets a session of its own: a Ctrl-C reaches only us, and we decide in which order to end
what we started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from ironhull.errors import EngineError
from ironhull.values import dataclass

MAX_OUTPUT = 4 * 1024 * 1024
_CUT = b"\n[output cut here]\n"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: exit code, and what it wrote."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False

    @property
    def words(self) -> str:
        """The engine's own words, trimmed: the end of what it said."""
        text = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return "\n".join(text[-12:])[-2000:] or f"exit code {self.code}"


def call(
    command: Sequence[str],
    *,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    feed: Callable[[BinaryIO], None] | None = None,
) -> Finished:
    """Run the command to its end; `feed` writes its standard input. EngineError if it is missing.

    After `timeout` seconds it is killed, with what it started.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else {**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"cannot run {command[0]}: {error.strerror}") from None
    out, err = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_collect, args=(pipe, kept), daemon=True)
        for pipe, kept in ((process.stdout, out), (process.stderr, err))
    ]
    for reader in readers:
        reader.start()
    timed_out = False
    try:
        if feed is not None:
            _feed(process, feed)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _kill(process)
    except BaseException:
        _kill(process)
        raise
    finally:
        # A daemon that the command left behind (conmon) may hold the pipes for ever.
        for reader in readers:
            reader.join(5)
    seconds = time.monotonic() - began
    return Finished(process.returncode, _text(out), _text(err), seconds, timed_out)


def foreground(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command with our input, output and errors; EngineError if it is missing."""
    try:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            # A Ctrl-C reaches only us, who hand it on once.
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"cannot run {command[0]}: {error.strerror}") from None


def _text(data: bytearray) -> str:
    return bytes(data).decode("utf-8", "replace")


def _collect(pipe: IO[bytes], kept: bytearray) -> None:
    cut = False
    with pipe:
        # Read on when enough is kept: a writer must not block on a full pipe.
        while data := os.read(pipe.fileno(), 1 << 16):
            if not cut:
                cut = len(kept) + len(data) > MAX_OUTPUT
                kept += data[: MAX_OUTPUT - len(kept)] + (_CUT if cut else b"")


def _feed(process: subprocess.Popen[bytes], feed: Callable[[BinaryIO], None]) -> None:
    assert process.stdin is not None  # noqa: S101 - Popen was told so
    # It may end early: then its exit code and words say why.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        feed(pipe)  # type: ignore[arg-type]


def _kill(process: subprocess.Popen[bytes]) -> None:
    # What a RUN step started has a session of its own and would go on.
    below = _descendants(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in below:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    process.wait()


def _descendants(ancestor: int) -> list[int]:
    """The processes that it started, and that those started; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in front may hold anything, parentheses too.
            parent = int(entry.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found, left = [], [ancestor]
    while left:
        left += (next_ones := children.pop(left.pop(), []))
        found += next_ones
    return found
