"""A second root in a sandbox that runs, to look at it with programs that it does not have.

1. A program of ours goes into the sandbox's namespaces, but for its mounts: those are the host's,
with a copy of the sandbox's at one folder that nobody else sees. 2. There it becomes bubblewrap,
which makes the root of the wish, and the copy read-only below a path. 3. What bubblewrap starts
waits and does nothing: `entering` runs commands beside it, so that a parent of theirs may end them
with us. All of it are processes of the sandbox: they end when it does.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ironhull.errors import EngineError
from ironhull.sandbox import entered
from ironhull.sandbox.bubblewrap import Bubblewrap, joining_arguments, refused
from ironhull.sandbox.entering import namespaces
from ironhull.sandbox.launcher import waiting
from ironhull.sandbox.model import Bind, Wish
from ironhull.sandbox.namespace import device_nodes, has_users
from ironhull.sandbox.running import (
    Output,
    Running,
    check,
    first_process,
    memory_file,
    reported,
    separated,
)
from ironhull.sandbox.seccomp import seccomp_filter

_KINDS = ("cgroup", "ipc", "uts", "net", "pid", "mnt", "user")
_ENTERED = ("mnt", "owner", "cgroup", "ipc", "uts", "net")
_START = 19
"""Which word of /proc/PID/stat behind the program's name is when it was started."""


@dataclass(frozen=True, slots=True)
class Target:
    """A sandbox that some process of this user has started."""

    pid: int
    """The host's number of its process 1."""
    started: int
    """When that was started, in ticks of the machine: numbers are used again."""
    uid: int
    gid: int
    groups: tuple[int, ...]
    """Its program's user, by the numbers of the sandbox."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return start_of(self.pid) == self.started


def start_of(pid: int) -> int | None:
    """When a process was started, in ticks since the machine was; None: there is no such one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, *words = text.rpartition(")")[2].split()
    # One that has ended and was not asked for yet has a number still.
    return None if state in "ZX" else int(words[_START - 1])


@contextmanager
def join(
    bubblewrap: Bubblewrap, wish: Wish, target: Target, path: str, folder: Path
) -> Iterator[Running]:
    """The wish's root in the target, whose files are below `path` of it, read-only.

    What it gives is for `entering.execute` and `attached`; the wish's program is not run.
    `folder`: one of the host's that may be mounted over, for this sandbox alone: nobody else sees
    it, and nothing of the wish lies in it. EngineError if the target has ended or may not be
    joined.
    """
    wish = replace(wish, binds=(*wish.binds, Bind(folder, path)), volumes=())
    check(wish)
    with _started(bubblewrap, wish, target, folder) as running:
        yield running


def _started(bubblewrap: Bubblewrap, wish: Wish, target: Target, folder: Path) -> Running:
    with ExitStack() as passing:
        known, files, ends = reported(passing)
        spaces = _prepared(passing, wish, target, files)
        words = [*bubblewrap.program, "--args", str(files["args"])]
        words += ["--", f"/proc/self/fd/{files['launcher']}"]
        process = _program(["join", str(folder.resolve()), *spaces, "--", *words], files)
        ends.close()
        began = time.monotonic()
        output = tuple(
            Output.of(pipe, wish.limits.output) for pipe in (process.stdout, process.stderr) if pipe
        )
        pid = first_process(known)
    running = Running(process, pid or process.pid, None, began, output, ExitStack())
    if pid is None:
        said = running.ended().stderr.decode("utf-8", "replace")
        raise refused(said) if target.alive else EngineError("the sandbox has ended")
    return running


def _prepared(passing: ExitStack, wish: Wish, target: Target, files: dict[str, int]) -> list[str]:
    """Adds to the files what is handed over; which of them `entered` is to enter."""
    files["launcher"] = memory_file(passing, "sandbox", waiting(files["began"]))
    if calls := seccomp_filter():
        files["seccomp"] = memory_file(passing, "seccomp", calls)
    files |= passing.enter_context(namespaces(target, _KINDS))
    if not {"owner", "pid", "mnt"} <= files.keys():
        raise EngineError(f"process {target.pid} is in no sandbox that can be joined")
    nodes = {"devices": passing.enter_context(device_nodes())} if has_users() else {}
    told = joining_arguments(wish, files, **nodes)
    files["args"] = memory_file(passing, "args", separated(told))
    return [str(files[kind]) for kind in _ENTERED if kind in files]


def _program(words: list[str], files: dict[str, int]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", entered.__file__, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=list(files.values()),
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"{sys.executable} cannot be started: {error.strerror}") from None
