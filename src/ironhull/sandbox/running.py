"""Start a wish, watch over it, say how it ended.

1. Everything that bubblewrap is told goes through open files without names. 2. It is started in a
session and, where that can be, in a control group of its own. 3. bubblewrap reports its own
process 1 in there, whose child is the command; signals go to that. Not the command is process 1:
only one that is root's, as bubblewrap outside is, can be told by the kernel to end with it. 4. When
process 1 ends, so does everything in its namespace; it ends when we do, however that is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ironhull.errors import EngineError, InputError
from ironhull.sandbox.bubblewrap import Bubblewrap, arguments, refused
from ironhull.sandbox.cgroup import Cgroup, new_cgroup
from ironhull.sandbox.filling import Filling
from ironhull.sandbox.launcher import BEGAN, CAPABILITIES, Launch, launcher
from ironhull.sandbox.model import Ended, Wish
from ironhull.sandbox.namespace import device_nodes, has_users, user_namespace
from ironhull.sandbox.outputs import openable, terminal_groups
from ironhull.sandbox.seccomp import seccomp_filter

_MAX_WORDS = 1 << 20
_LOOK = 0.25


def run(bubblewrap: Bubblewrap, wish: Wish) -> Ended:
    """Run the wish to its end, or to its limit of time; nothing of it runs afterwards.

    Standard input is empty. InputError: a path, name or number of the wish cannot be used.
    EngineError: the sandbox cannot be made here. A command that fails is an `Ended`.

    >>> ended = run(bubblewrap, Wish(root, ("/bin/true",)))  # doctest: +SKIP
    """
    limits = wish.limits
    bounded = limits.disk is not None or limits.files is not None
    filling = Filling(wish.root, limits.disk, limits.files) if bounded else None
    with start(bubblewrap, wish) as running:
        filled = _watched(running, filling, limits.seconds)
        killed = running.alive
        if killed:
            running.kill()
        ended = running.ended(timed_out=killed and not filled)
        return replace(ended, exit_code=137, filled=filled) if filled else ended


def _watched(running: Running, filling: Filling | None, seconds: float | None) -> str:
    """Wait for its end, or for as many seconds; what it did to the disk if it is to be stopped."""
    if filling is None:
        running.wait(seconds)
        return ""
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    while True:
        running.wait(min(_LOOK, max(0.0, end - time.monotonic())))
        ended = not running.alive
        problem = filling.problem(last=ended)
        if problem or ended or time.monotonic() >= end:
            return problem


@dataclass(eq=False)
class Running:
    """A sandbox that runs; leaving its `with` block kills what is left of it."""

    process: subprocess.Popen[bytes]
    pid: int
    """The host's number of the sandbox's process 1."""
    command: int | None
    """A descriptor (pidfd_open) of the command's process; None: it had ended already."""
    began: float
    output: tuple[Output, ...]
    held: ExitStack = field(repr=False)
    """What is given back at its end."""
    signalled: float = 0.0
    """When it was last sent a signal."""

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code; None if it still runs after so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def send(self, number: int) -> None:
        """A signal to the command; nothing if it has ended."""
        self.signalled = time.monotonic()
        if self.command is not None and self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.command, number)

    def kill(self) -> None:
        """End all of it, now."""
        self.signalled = time.monotonic()
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        if self.wait(10) is None:
            self.process.kill()
            self.process.wait()

    def ended(self, *, timed_out: bool = False) -> Ended:
        """How it ended; waits for the end."""
        code = self.process.wait()
        seconds = time.monotonic() - self.began
        for one in self.output:
            one.reader.join(10)
        out, err = (bytes(one.kept) for one in self.output) if self.output else (b"", b"")
        code = 128 - code if code < 0 else code
        return Ended(
            137 if timed_out else code,
            out,
            err,
            seconds,
            timed_out,
            any(o.cut for o in self.output),
        )

    def stopped(self) -> float:
        """Seconds from the last signal to the end; waits for the end."""
        self.process.wait()
        return time.monotonic() - self.signalled

    def close(self) -> None:
        """Kill it if it still runs, and give back what it held."""
        if self.alive:
            self.kill()
        self.held.close()


def start(
    bubblewrap: Bubblewrap,
    wish: Wish,
    *,
    streams: tuple[int, int, int] | None = None,
) -> Running:
    """Start the wish. `streams`: descriptors for its input, output and errors; else as for `run`.

    It ends with the thread that started it.
    Errors as of `run`, but for the limit of time, which is the caller's to keep.
    """
    check(wish)
    with ExitStack() as stack:
        users = has_users()
        ours = ExitStack()
        if users and streams:
            groups = dict.fromkeys((*wish.groups, *terminal_groups(streams[1:])))
            wish = replace(wish, groups=tuple(groups))
            streams, ours = openable(stack, streams, wish.uid)
        group = new_cgroup(wish.limits)
        if group is not None:
            stack.callback(group.remove)
        with ExitStack() as passing:
            known, files, ends = reported(passing)
            files |= _descriptors(passing, wish, files["began"], users, grouped=group is not None)
            # The mounts keep them when their folder is gone, which is as soon as it runs.
            nodes = {"devices": passing.enter_context(device_nodes())} if users else {}
            words = arguments(wish, files, users=users, **nodes)
            files["args"] = memory_file(passing, "args", separated(words))
            command = [*bubblewrap.program, "--args", str(files["args"]), "--"]
            owner = (wish.uid, wish.gid) if users else None
            process, began = _started(
                [*command, f"/proc/self/fd/{files['launcher']}"], files, streams, (group, owner)
            )
            stack.callback(_reaped, process)
            ours.close()
            pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe]
            output = tuple(Output.of(pipe, wish.limits.output) for pipe in pipes)
            ends.close()
            pid = first_process(known)
        program = _child(pid, stack) if pid else None
        running = Running(process, pid or process.pid, program, began, output, stack)
        if pid is None:
            process.wait()
            said = running.ended().stderr.decode("utf-8", "replace")
            raise refused(said)
        running.held = stack.pop_all()
        return running


@dataclass(eq=False)
class Output:
    """What one stream of it gives, read as it comes; only so much is kept."""

    kept: bytearray
    limit: int
    cut: bool = False
    reader: threading.Thread = field(default_factory=threading.Thread)

    @classmethod
    def of(cls, pipe: IO[bytes], limit: int) -> Output:
        """Reads the pipe to its end in a thread of its own."""
        found = cls(bytearray(), limit)
        found.reader = threading.Thread(target=found._collect, args=(pipe,), daemon=True)
        found.reader.start()
        return found

    def _collect(self, pipe: IO[bytes]) -> None:
        with pipe:
            # Read on when enough is kept: a writer must not block on a full pipe.
            while data := os.read(pipe.fileno(), 1 << 16):
                room = self.limit - len(self.kept)
                self.kept += data[:room]
                self.cut = self.cut or len(data) > room


def _started(
    command: list[str],
    files: Mapping[str, int],
    streams: tuple[int, int, int] | None,
    inside: tuple[Cgroup | None, tuple[int, int] | None],
) -> tuple[subprocess.Popen[bytes], float]:
    group, owner = inside

    def before() -> None:
        if group is not None:
            group.enter()
        if owner is not None:
            give_pipes(owner)

    began = time.monotonic()
    stdin, stdout, stderr = streams or (subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={},
            cwd="/",
            pass_fds=[number for name, number in files.items()],
            start_new_session=True,
            preexec_fn=before if group or owner else None,  # noqa: PLW1509 - system calls only
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"cannot run {command[0]}: {error}") from None
    return process, began


def give_pipes(owner: tuple[int, int]) -> None:
    """Let pipes be the user's, who may want to open /dev/stdin or /dev/stdout, as runc does.

    Called in a child between fork and exec.
    """
    for number in (0, 1, 2):
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            os.fchown(number, *owner)


def _descriptors(
    stack: ExitStack, wish: Wish, began: int, users: bool, *, grouped: bool
) -> dict[str, int]:
    limits = wish.limits
    launch = Launch(
        began,
        switches=users,
        data_limit=None if grouped else limits.memory,
        process_limit=None if grouped else limits.processes,
    )
    files = {"launcher": memory_file(stack, "sandbox", launcher(wish, launch))}
    if calls := seccomp_filter():
        files["seccomp"] = memory_file(stack, "seccomp", calls)
    if users:
        files["userns"] = stack.enter_context(user_namespace())
    return files


def memory_file(stack: ExitStack, name: str, data: bytes) -> int:
    """A descriptor of an open file without a name that has the data, open as long as `stack`."""
    descriptor = os.memfd_create(name)
    stack.callback(os.close, descriptor)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def reported(stack: ExitStack) -> tuple[IO[bytes], dict[str, int], ExitStack]:
    """A pipe where bubblewrap says the number and our launcher that it is there.

    Our own writing ends are closed with the third, before anyone reads, or else with `stack`.
    """
    reading, writing = os.pipe()
    known = stack.enter_context(os.fdopen(reading, "rb"))
    ends = stack.enter_context(ExitStack())
    files = {"info": writing, "began": os.dup(writing)}
    for number in files.values():
        ends.callback(os.close, number)
    return known, files, ends


def first_process(known: IO[bytes]) -> int | None:
    """The first process's number, when the launcher runs in it; None if it did not come to that."""
    said = known.read()
    if not said.endswith(BEGAN):
        return None
    try:
        return int(json.loads(said.removesuffix(BEGAN))["child-pid"])
    except (ValueError, LookupError, TypeError):
        return None


def _child(pid: int, stack: ExitStack) -> int | None:
    """A descriptor of the process whose parent is process 1: the command."""
    try:
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        descriptor = os.pidfd_open(int(child))
    except (OSError, IndexError):
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def separated(words: Sequence[str]) -> bytes:
    """Words as `bwrap --args` reads them."""
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def _reaped(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def check(wish: Wish) -> None:
    """InputError for what no kernel takes."""
    if not wish.argv:
        raise InputError("the sandbox is to run nothing: give a command")
    texts = [*wish.argv, wish.workdir, *(f"{k}={v}" for k, v in wish.environment.items())]
    texts += wish.targets
    if any("\0" in text for text in texts):
        raise InputError("a word for the sandbox has a NUL character in it")
    if sum(len(text) for text in texts) > _MAX_WORDS:
        raise InputError(f"arguments and environment are longer than {_MAX_WORDS} characters")
    for key in wish.environment:
        if not key or "=" in key:
            raise InputError(f"{key!r} is not the name of a variable")
    for target in wish.targets:
        if not target.startswith("/") or target.strip("/") == "":
            raise InputError(f"{target!r}: write an absolute path below / to mount on")
    for number in (wish.uid, wish.gid, *wish.groups):
        if not 0 <= number < 65536:
            raise InputError(f"user or group {number}: the sandbox has 0 to 65535")
    for name in wish.capabilities:
        if name.removeprefix("CAP_") not in CAPABILITIES or not name.startswith("CAP_"):
            raise InputError(f"{name!r} is not a capability (write for example CAP_CHOWN)")
