"""The flags that an engine needs on this machine, found by trying.

1. Run the smallest image there is with no flags at all.
2. If that fails, take the first remedy of the table whose pattern is in the engine's words, add its
   flags, and try again; each remedy is used once.
3. Remember what worked in a file, under a key of everything that the result depends on, so that
   the next process need not try.
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ironhull.engine.process import Finished
from ironhull.errors import EngineError, EnvironmentProblem
from ironhull.store.files import replace_file
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Flags:
    """What to add before the verb (`program`), and behind `run`, and behind `build`."""

    program: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    def plus(self, more: Flags) -> Flags:
        """Both together."""
        return Flags(self.program + more.program, self.run + more.run, self.build + more.build)


@dataclass(frozen=True, slots=True)
class Remedy:
    """Flags to add when the engine's words match; `flags` is asked only then."""

    pattern: re.Pattern[str]
    flags: Callable[[], Flags | None]


def other_runtime() -> Flags | None:
    """runc, where the default runtime refuses this machine's cgroups."""
    runc = shutil.which("runc") or shutil.which("runc", path="/usr/local/sbin:/usr/sbin:/sbin")
    return Flags(program=("--runtime", runc)) if runc else None


def _limit(which: int, name: str, most: int) -> Flags:
    """A limit no higher than ours: without CAP_SYS_RESOURCE nobody may raise one."""
    _, hard = resource.getrlimit(which)
    number = most if hard == resource.RLIM_INFINITY else min(hard, most)
    option = ("--ulimit", f"{name}={number}:{number}")
    return Flags(run=option, build=option)


def _open_files() -> Flags:
    return _limit(resource.RLIMIT_NOFILE, "nofile", 1 << 20)


def _processes() -> Flags:
    # podman lowers its own limit before it asks for this one; 4096 is below all of its values.
    return _limit(resource.RLIMIT_NPROC, "nproc", 4096)


PODMAN_REMEDIES = (
    Remedy(re.compile(r"RLIMIT_NOFILE|rlimit type 7\b"), _open_files),
    Remedy(re.compile(r"RLIMIT_NPROC|rlimit type 6\b"), _processes),
    Remedy(
        re.compile(r"cgroups in hybrid mode not supported|cgroup.*crun|crun.*cgroup"), other_runtime
    ),
    Remedy(re.compile(r"cgroup"), lambda: Flags(run=("--cgroups=disabled",))),
)
BUILD_REMEDIES = (
    Remedy(
        re.compile(r"cgroup|rlimit|RLIMIT|runtime|isolation"),
        lambda: Flags(build=("--isolation=chroot",)),
    ),
)


def find_flags(
    attempt: Callable[[Flags], Finished], remedies: Sequence[Remedy], what: str
) -> Flags:
    """The flags with which `attempt` works; EngineError with the engine's words if none do."""
    left, flags = list(remedies), Flags()
    while True:
        finished = attempt(flags)
        if finished.code == 0:
            return flags
        text = f"{finished.stdout}\n{finished.stderr}"
        for remedy in left:
            more = remedy.flags() if remedy.pattern.search(text) else None
            if more is not None:
                left.remove(remedy)
                flags = flags.plus(more)
                break
        else:
            tried = " ".join((*flags.program, *flags.run, *flags.build))
            raise EngineError(
                f"{what} does not work on this machine"
                f"{f' (tried with {tried})' if tried else ''}: {finished.words}"
            )


class FlagsCache:
    """Flags in one file, by key; a cache that cannot be read or written is as good as empty."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, key: str) -> Flags | None:
        """What was found for a program of that version; None if it was not looked at yet."""
        found = self._all().get(key)
        if not isinstance(found, dict):
            return None
        try:
            return Flags(*(tuple(str(word) for word in found[name]) for name in _NAMES))
        except (KeyError, TypeError):
            return None

    def put(self, key: str, flags: Flags) -> None:
        """Remember it; a cache that cannot be written costs only time."""
        if self._path is None:
            return
        # Keys of old boots and versions are of no more use.
        kept = dict(list(self._all().items())[-7:])
        kept.pop(key, None)
        text = json.dumps(kept | {key: asdict(flags)}, indent=1)
        try:
            replace_file(self._path, text.encode())
        except EnvironmentProblem:
            return

    def _all(self) -> dict[str, object]:
        if self._path is None:
            return {}
        try:
            value = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


_NAMES = ("program", "run", "build")


def cache_key(*parts: str) -> str:
    """A key of the parts and of what may change under them: this boot and our own limits."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        boot = ""
    limits = [resource.getrlimit(one) for one in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    text = json.dumps([*parts, boot, limits])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def at_least(version: str, wanted: tuple[int, ...]) -> bool:
    """Whether `4.9.3-dev` is at least (4, 9); a version that cannot be read is taken for old."""
    numbers = re.findall(r"\d+", version)[: len(wanted)]
    return tuple(int(number) for number in numbers) >= wanted
