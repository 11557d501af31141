"""What is to run in a sandbox, how it is held there, and how it ended. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Root(StrEnum):
    """What becomes of writes to the root folder."""

    READ_ONLY = "read-only"
    """They fail; the folder never changes."""
    DISCARDED = "discarded"
    """They succeed and are gone afterwards; the folder never changes."""
    KEPT = "kept"
    """They change the folder."""


class Network(StrEnum):
    """What a command reaches."""

    NONE = "none"
    """A loopback of its own and nothing else: `none` of podman and docker has one too."""
    HOST = "host"
    """The host's network."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host that the command sees at `target`, an absolute path.

    What is missing on the way to the target is made, which only a root that is READ_ONLY or
    DISCARDED lets happen without a trace; in a KEPT root it stays, empty.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """An empty folder in memory, of at most `size` bytes, for everybody to write."""

    target: str
    size: int = 1 << 30
    mode: int = 0o1777


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder in memory that takes writes, with what the root has there to begin with."""

    target: str
    uid: int = 0
    gid: int = 0
    """Whose it is; without root on the host it is the one user's."""
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a command may take; None: no limit.

    With cgroups (as root) memory and processes are limited over the whole sandbox. Without, memory
    is the data of each process (RLIMIT_DATA) and processes are counted by RLIMIT_NPROC.
    """

    memory: int | None = None
    """Bytes."""
    processes: int | None = None
    seconds: float | None = None
    """After them everything in the sandbox is killed."""
    output: int = 4 << 20
    """Bytes kept of standard output, and as many of standard error; the rest is read and lost."""
    file_size: int | None = None
    """Bytes of one file that is written; more is SIGXFSZ."""
    disk: int | None = None
    """Bytes of all that is in a root that is KEPT. It is asked for from time to time: what runs is
    killed soon after."""
    files: int | None = None
    """Files, folders and links in it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One command in a sandbox. The defaults hold it as tightly as it can be held."""

    root: Path
    """The folder that is `/`: an image unpacked."""
    argv: tuple[str, ...]
    """Its first word is looked for along PATH of `environment` if it has no slash."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it: nothing is taken over from the host. HOME is the caller's to say."""
    workdir: str = "/"
    uid: int = 0
    """The user in the sandbox. Without root on the host it is the only one that there is: it owns
    every file that the caller owns, and what others own belongs to `nobody` (65534)."""
    gid: int = 0
    groups: tuple[int, ...] = ()
    """Supplementary groups; ignored without root on the host."""
    writes: Root = Root.READ_ONLY
    binds: tuple[Bind, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = (Tmpfs("/tmp"),)  # noqa: S108 - in the sandbox
    volumes: tuple[Volume, ...] = ()
    """None that is where a bind or tmpfs is too. A root that takes writes needs none."""
    network: Network = Network.NONE
    capabilities: tuple[str, ...] = ()
    """Kept for uid 0, as `CAP_CHOWN`; over the sandbox's own files, network and processes only."""
    hostname: str = "sandbox"
    limits: Limits = Limits()

    @property
    def targets(self) -> tuple[str, ...]:
        """Where something is mounted: `tmpfs` first, then binds, then volumes."""
        return (
            *(one.target for one in self.tmpfs),
            *(one.target for one in self.binds),
            *(one.target for one in self.volumes),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    exit_code: int
    """128 + n after signal n; 127: no such program; 126: it may not be run; 1: its interpreter is
    missing; 137 too if it ran out of time or memory."""
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    cut: bool = False
    """More was written than is kept."""
    filled: str = ""
    """Why it was killed for what it wrote to the disk; empty: it was not."""
