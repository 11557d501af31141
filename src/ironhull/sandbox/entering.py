"""Go into a sandbox that runs: execute one more program there, reach its ports from the host."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from ironhull.errors import EngineError
from ironhull.sandbox import entered
from ironhull.sandbox.launcher import Launch, launcher, mask_of, needed
from ironhull.sandbox.model import Ended, Wish
from ironhull.sandbox.namespace import has_users
from ironhull.sandbox.outputs import openable, terminal_groups
from ironhull.sandbox.running import Output, Running, check, give_pipes, memory_file
from ironhull.sandbox.seccomp import seccomp_filter

_ALL = ("cgroup", "ipc", "uts", "net", "pid", "mnt", "user")
_NETWORK = ("net",)
_SILENT = (subprocess.DEVNULL, subprocess.DEVNULL, subprocess.DEVNULL)
_GET_OWNER = 0xB701  # NS_GET_USERNS, ioctl_ns(2)


class Entered(Protocol):
    """A sandbox that can be gone into: a `Running`, or a `Target` that another process started."""

    @property
    def pid(self) -> int:
        """The host's number of a process whose namespaces are the sandbox's."""
        ...

    @property
    def alive(self) -> bool:
        """Whether that process still runs."""
        ...


def execute(running: Entered, wish: Wish, timeout: float | None) -> Ended:
    """Run the wish's command beside what runs already: its user, environment, folder and limits.

    Its root, mounts and network are the sandbox's. EngineError if that has ended.
    """
    began = time.monotonic()
    with _begun(running, wish, None) as process:
        output = [
            Output.of(one, wish.limits.output) for one in (process.stdout, process.stderr) if one
        ]
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _killed(process)
        for one in output:
            one.reader.join(5)
        out, err = (bytes(one.kept) for one in output)
        return Ended(
            137 if timed_out else _code(process),
            out,
            err,
            time.monotonic() - began,
            timed_out,
            any(one.cut for one in output),
        )


def attached(running: Entered, wish: Wish, streams: tuple[int, int, int]) -> int:
    """The same with descriptors for input, output and errors, to its end; the exit code."""
    with ExitStack() as stack:
        ours = ExitStack()
        if has_users():
            groups = dict.fromkeys((*wish.groups, *terminal_groups(streams[1:])))
            wish = replace(wish, groups=tuple(groups))
            streams, ours = openable(stack, streams, wish.uid)
        with _begun(running, wish, streams) as process:
            ours.close()
            process.wait()
            return _code(process)


def _code(process: subprocess.Popen[bytes]) -> int:
    code = process.returncode
    return code if code >= 0 else 128 - code


@contextmanager
def _begun(
    running: Entered, wish: Wish, streams: tuple[int, int, int] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command's process, killed at the end of the block."""
    check(wish)
    # They are there already, and whose they are by now is the program's choice.
    wish = replace(wish, volumes=())
    users = has_users()
    with ExitStack() as stack:
        program = memory_file(stack, "sandbox", launcher(wish, Launch(None, switches=users)))
        calls = seccomp_filter()
        seccomp = memory_file(stack, "seccomp", calls) if calls else -1
        spaces = [*stack.enter_context(namespaces(running, _ALL)).values()]
        files = [program, *([seccomp] if calls else []), *spaces]
        words = [program, seccomp, mask_of(_kept(wish, users=users)), *spaces]
        owner = (wish.uid, wish.gid) if users else None
        pipes = streams or (subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
        process = _started("execute", words, files, pipes, owner)
        stack.callback(_killed, process)
        yield process


def _kept(wish: Wish, *, users: bool) -> tuple[str, ...]:
    """What the launcher may have: what it needs itself, and what is left to user 0."""
    return (*(needed(wish) if users else ()), *(wish.capabilities if wish.uid == 0 else ()))


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A port of the host that leads into a sandbox, until it is closed."""

    host: str
    port: int
    process: subprocess.Popen[bytes]

    def close(self) -> None:
        """Nothing is relayed any more."""
        _killed(self.process)


def forward(running: Running, inner: int, host: str = "127.0.0.1", port: int = 0) -> Forwarding:
    """Relay connections from an address of the host (port 0: any that is free) to a port inside.

    EngineError if the address is taken or the sandbox has ended.
    """
    with socket.socket() as server, namespaces(running, _NETWORK) as found:
        spaces = [*found.values()]
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
            server.listen(64)
        except OSError as error:
            raise EngineError(f"cannot listen on {host}:{port}: {error.strerror}") from None
        listener = server.fileno()
        words = [listener, inner, *spaces]
        process = _started("forward", words, [listener, *spaces], _SILENT)
        return Forwarding(host, server.getsockname()[1], process)


def _started(
    verb: str,
    words: Sequence[int],
    files: Sequence[int],
    streams: tuple[int, int, int],
    owner: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", entered.__file__, verb, *map(str, words)],
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            env={},
            pass_fds=list(files),
            start_new_session=True,
            preexec_fn=partial(give_pipes, owner) if owner else None,  # noqa: PLW1509 - system calls
        )
    except OSError as error:
        raise EngineError(
            f"{sys.executable} cannot be started to enter a sandbox: {error.strerror}; the user "
            "who runs sandboxes has to be able to read and run it"
        ) from None


@contextmanager
def namespaces(running: Entered, kinds: Sequence[str]) -> Iterator[dict[str, int]]:
    """Descriptors of the sandbox's namespaces by kind, without those that are our own too.

    First `owner`, the user namespace that owns the mounts: only who is in it may enter the others.
    Without root it is not the program's: bubblewrap makes a second one in it for the user's number.
    """
    with ExitStack() as stack:
        found: dict[str, int] = {}
        known = {Path("/proc/self/ns/user").stat().st_ino}

        def add(kind: str, descriptor: int) -> None:
            stack.callback(os.close, descriptor)
            number = os.fstat(descriptor).st_ino
            if number not in known:
                known.add(number)
                found[kind] = descriptor

        try:
            mounts = os.open(f"/proc/{running.pid}/ns/mnt", os.O_RDONLY)
            stack.callback(os.close, mounts)
            add("owner", fcntl.ioctl(mounts, _GET_OWNER))
            for kind in kinds:
                known.add(Path(f"/proc/self/ns/{kind}").stat().st_ino)
                add(kind, os.open(f"/proc/{running.pid}/ns/{kind}", os.O_RDONLY))
        except OSError as error:
            raise EngineError(f"the sandbox cannot be entered: {error.strerror}") from None
        if not running.alive:
            raise EngineError("the sandbox cannot be entered: it has ended")
        yield found


def _killed(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
