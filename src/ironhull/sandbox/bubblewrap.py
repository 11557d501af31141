"""bubblewrap, the program: whether one on the machine will do, and the words that it is told."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import EngineError, InputError
from ironhull.sandbox.inside import inside
from ironhull.sandbox.launcher import needed
from ironhull.sandbox.model import Network, Root, Wish

_OLDEST = (0, 11)
# What podman and docker hide of /proc, where the kernel has it.
_HIDDEN = ("kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "kmsg")
_HIDDEN_FOLDERS = ("acpi", "scsi")
# What they leave to be read: user 0 of the sandbox owns it as the host's does, where that is root.
_READ_ONLY = ("asound", "bus", "fs", "irq", "sys", "sysrq-trigger")
_OWN = ("/proc", "/dev")
_HOST_DEVICES = Path("/dev")
_PATIENCE = 60

ISOLATES = (
    "bubblewrap, with users, processes, network, mounts, IPC and host name of its own, no"
    " capabilities, system calls filtered"
)
"""What the sandbox is, in a line."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """How to start bubblewrap on this machine."""

    program: tuple[str, ...]
    """The program, or the archive's dynamic loader in front of the archive's program."""
    version: str
    origin: str
    """Where it is from: its path, or the package and its version."""


def installed() -> Bubblewrap | None:
    """The machine's own, if it is on PATH and knows overlays (0.11); else None."""
    path = shutil.which("bwrap")
    return probed((path,), path) if path else None


def probed(program: Sequence[str], origin: str) -> Bubblewrap | None:
    """That program, if it runs and is new enough."""
    try:
        done = subprocess.run(
            [*program, "--version"], capture_output=True, timeout=_PATIENCE, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"bubblewrap (\d+)\.(\d+)", done.stdout)
    if done.returncode or not found or (int(found[1]), int(found[2])) < _OLDEST:
        return None
    return Bubblewrap(tuple(program), done.stdout.split()[1], origin)


def problem(bubblewrap: Bubblewrap) -> str:
    """Why no sandbox can be made here; empty if one could: bubblewrap ran itself in one."""
    words = ["--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/"]
    words += ["--proc", "/proc", "--", *bubblewrap.program, "--version"]
    try:
        done = subprocess.run(
            [*bubblewrap.program, *words],
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(refused(str(error)))
    return str(refused(done.stderr)) if done.returncode else ""


def arguments(
    wish: Wish, descriptors: dict[str, int], *, users: bool, devices: Path = _HOST_DEVICES
) -> list[str]:
    """The words for a wish; bubblewrap itself is process 1, which reaps.

    `descriptors`: `userns` where there are `users`, `seccomp`, `info`. `devices`: a folder of nodes
    to take instead of the host's own.
    InputError if a path of the wish cannot be used.
    """
    words = ["--die-with-parent", "--new-session", "--clearenv", "--hostname", wish.hostname]
    words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words += [] if wish.network is Network.HOST else ["--unshare-net"]
    words += ["--cap-drop", "ALL"]
    capabilities = list(wish.capabilities if wish.uid == 0 else ())
    if users:
        words += ["--userns", str(descriptors["userns"])]
        capabilities += [name for name in needed(wish) if name not in capabilities]
    else:
        words += ["--unshare-user", "--uid", str(wish.uid), "--gid", str(wish.gid)]
        # Harmless where nothing but one user is mapped; it cannot be had before that is done.
    for name in capabilities:
        words += ["--cap-add", name]
    words += ["--info-fd", str(descriptors["info"])]
    if "seccomp" in descriptors:
        words += ["--seccomp", str(descriptors["seccomp"])]
    words += _places(wish, devices)
    return words


def joining_arguments(
    wish: Wish, descriptors: dict[str, int], devices: Path = _HOST_DEVICES
) -> list[str]:
    """The words for the wish's root alone, in a sandbox that runs: nothing is unshared but mounts.

    `descriptors`: `pid` and, where the target has a second one, `user` of its namespaces; the rest
    as of `arguments`. Whoever is told this is in its other namespaces already.
    """
    words = ["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += ["--pidns", str(descriptors["pid"]), "--info-fd", str(descriptors["info"])]
    if "user" in descriptors:
        words += ["--userns2", str(descriptors["user"])]
    if "seccomp" in descriptors:
        words += ["--seccomp", str(descriptors["seccomp"])]
    return [*words, *_places(wish, devices)]


def _places(wish: Wish, devices: Path) -> list[str]:
    root = wish.root
    if not root.is_dir():
        raise InputError(f"{root}: no root folder for the sandbox is there")
    for path in _OWN:
        if inside(root, path) != path:
            raise InputError(f"{path} of the image is a link: it cannot be mounted on")
    targets = [inside(root, target) for target in wish.targets]
    absent = [one for one in (*_OWN, *targets) if not (root / one.lstrip("/")).exists()]
    below = tuple(f"{one}/" for one in (*_OWN, *(targets[: len(wish.tmpfs)])))
    absent = [one for one in absent if not one.startswith(below)]
    closing: list[str] = []
    if wish.writes is Root.KEPT:
        words = ["--bind", str(root), "/"]
    elif wish.writes is Root.DISCARDED or absent:
        # What is to be mounted on has to be there: it is made above the folder, not in it.
        words = ["--overlay-src", str(root), "--tmp-overlay", "/"]
        closing = ["--remount-ro", "/"] if wish.writes is Root.READ_ONLY else []
    else:
        words = ["--ro-bind", str(root), "/"]
    words += ["--proc", "/proc", *_hidden(devices), "--dev", "/dev"]
    if devices != _HOST_DEVICES:
        names = sorted(path.name for path in devices.iterdir())
        words += [
            word for one in names for word in ("--dev-bind", str(devices / one), f"/dev/{one}")
        ]
    words += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/dev/shm"]  # noqa: S108
    return [*words, *_mounts(wish, targets, below), *closing]


def _mounts(wish: Wish, targets: Sequence[str], below: tuple[str, ...]) -> list[str]:
    """Volumes, tmpfs, volumes in those, binds; what is `below` others is made after those."""
    root, first, last = wish.root, len(wish.tmpfs), len(wish.tmpfs) + len(wish.binds)
    volumes = targets[last:]
    words = _folders(root, [one for one in targets if not one.startswith(below)])
    words += [word for one in volumes if not one.startswith(below) for word in _volume(root, one)]
    for tmpfs, target in zip(wish.tmpfs, targets, strict=False):
        words += ["--perms", f"{tmpfs.mode:o}", "--size", str(tmpfs.size), "--tmpfs", target]
    for target in volumes:
        if target.startswith(below):
            words += [*_folders(root, [target]), *_volume(root, target)]
    below = (*below, *(f"{one}/" for one in volumes))
    for bind, target in zip(wish.binds, targets[first:last], strict=True):
        if not bind.source.exists():
            raise InputError(f"{bind.source}: to be seen at {bind.target}, and it is not there")
        words += _folders(root, [target]) if target.startswith(below) else []
        words += ["--bind" if bind.writable else "--ro-bind", str(bind.source.resolve()), target]
    return words


def _volume(root: Path, target: str) -> list[str]:
    """An overlay over what the root has there, or nothing but a folder; the launcher owns it."""
    place = root / target.lstrip("/")
    if place.is_dir():
        return ["--overlay-src", str(place), "--tmp-overlay", target]
    return ["--tmpfs", target]


def _folders(root: Path, targets: Sequence[str]) -> list[str]:
    """What is missing on the way to the targets: bubblewrap alone makes it for its owner only."""
    parents = {str(one): None for target in targets for one in reversed(Path(target).parents)}
    absent = [one for one in parents if not (root / one.lstrip("/")).exists()]
    return [word for one in absent for word in ("--perms", "0755", "--dir", one)]


def _hidden(devices: Path) -> list[str]:
    words: list[str] = []
    for name in _READ_ONLY:
        if Path("/proc", name).exists():
            words += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for name in _HIDDEN:
        if Path("/proc", name).exists():
            words += ["--dev-bind", str(devices / "null"), f"/proc/{name}"]
    for name in _HIDDEN_FOLDERS:
        if Path("/proc", name).is_dir():
            words += [
                "--perms",
                "0555",
                "--tmpfs",
                f"/proc/{name}",
                "--remount-ro",
                f"/proc/{name}",
            ]
    return words


def refused(words: str) -> EngineError:
    """The error for what bubblewrap says when it cannot make the sandbox."""
    text = words.strip().splitlines()
    said = text[-1] if text else "it says nothing"
    remedy = ""
    if "namespace" in said or "uid map" in said or "Operation not permitted" in said:
        remedy = (
            " (are unprivileged user namespaces allowed here? sysctl user.max_user_namespaces,"
            " kernel.apparmor_restrict_unprivileged_userns; or choose --engine podman)"
        )
    return EngineError(f"the sandbox cannot be made: {said}{remedy}")
