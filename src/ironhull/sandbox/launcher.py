"""The first program in a sandbox: a static ELF executable, made anew for each command.

bubblewrap prepares the place but cannot become another user with supplementary groups. So it starts
this, which is a list of system calls: give up what is open, take groups and user, drop all
capabilities, set limits, change the folder, execute. It needs nothing of the image, is handed over
as an open file without a name, and has arguments and environment in it, where no list of processes
shows them.

The machine code is a loop of a few bytes: a row is the call's number, six arguments, and the
addresses of the next row after a failure and after a success.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ironhull.errors import EnvironmentProblem
from ironhull.sandbox.model import DEFAULT_PATH, Wish

_ADDRESS = 0x400000
_ROW = 9 * 8
_MACHINES = {
    "x86_64": (
        62,
        # mov rbx, TABLE; loop: rax … r9 from the row; syscall; js; rbx = next; jmp loop.
        bytes.fromhex("48bb"),
        bytes.fromhex(
            "488b03 488b7b08 488b7310 488b5318 4c8b5320 4c8b4328 4c8b4b30 0f05"
            "4885c0 7806 488b5b40 ebd8 488b5b38 ebd2"
        ),
    ),
    "aarch64": (
        183,
        # ldr x19, +8; b +12; TABLE; loop: x8, x0 … x5 from the row; svc; tbnz; x19 = next; b loop.
        struct.pack("<2I", 0x58000053, 0x14000003),
        struct.pack(
            "<13I",
            *(0xF9400268, 0xF9400660, 0xF9400A61, 0xF9400E62, 0xF9401263, 0xF9401664),
            *(0xF9401A65, 0xD4000001, 0xB7F80060, 0xF9402273, 0x17FFFFF6, 0xF9401E73),
            *(0x17FFFFF4,),
        ),
    ),
}
_CALLS = {
    "write": (1, 64),
    "execve": (59, 221),
    "chdir": (80, 49),
    "umask": (95, 166),
    "setgroups": (116, 159),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "capset": (126, 91),
    "prctl": (157, 167),
    "exit_group": (231, 94),
    "openat": (257, 56),
    "faccessat": (269, 48),
    "fchownat": (260, 54),
    "fchmodat": (268, 53),
    "ppoll": (271, 73),
    "prlimit64": (302, 261),
    "close_range": (436, 436),
}
_NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE"
    " NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO"
    " SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME"
    " SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG"
    " WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITIES = tuple(_NAMES.split())
"""In the order of their numbers, without `CAP_` (linux/capability.h)."""
BEGAN = b"began"
_PDEATHSIG, _BOUNDING_DROP, _AMBIENT, _CLEAR = 1, 24, 47, 4
_RLIMITS = {"data": 2, "nproc": 6, "fsize": 1, "core": 4}
_Value = int | bytes | tuple[bytes, ...]
_EXEC, _EXISTS = 1, 0
_HERE = (1 << 64) - 100  # AT_FDCWD
_DIRECTORY = 0o200000 if platform.machine() == "x86_64" else 0o40000


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launcher is to do besides what the wish says."""

    began: int | None
    """A descriptor where `BEGAN` is written first of all."""
    switches: bool
    """Become the wish's user and groups: where the user namespace has them all."""
    data_limit: int | None = None
    """RLIMIT_DATA of each process."""
    process_limit: int | None = None
    """RLIMIT_NPROC of the user."""


class _Program:
    """Rows and data; addresses are known when the number of rows is."""

    def __init__(self) -> None:
        machine = platform.machine()
        if machine not in _MACHINES:
            raise EnvironmentProblem(
                f"the sandbox does not know {machine} (known: {', '.join(sorted(_MACHINES))}); "
                "choose podman or docker with --engine"
            )
        self._number, self._begin, self._loop = _MACHINES[machine]
        self._column = 0 if machine == "x86_64" else 1
        self._start = 64 + 56
        self._table = self._start + len(self._begin) + 8 + len(self._loop)
        self._rows: list[tuple[int, list[_Value], str | None, str | None]] = []
        self._labels: dict[str, int] = {}

    def call(
        self,
        name: str,
        *arguments: _Value,
        failed: str | None = None,
        done: str | None = None,
    ) -> None:
        """A row; bytes stand for their address, a tuple for an array of such.

        `failed` and `done` are labels; None is the next row.
        """
        self._rows.append((_CALLS[name][self._column], list(arguments), failed, done))

    def label(self, name: str) -> None:
        """The next row's name."""
        self._labels[name] = len(self._rows)

    def image(self) -> bytes:
        """The ELF file."""
        data = bytearray()
        base = _ADDRESS + self._table + _ROW * len(self._rows)

        def put(raw: bytes) -> int:
            data.extend(b"\0" * (-len(data) % 8))
            at = base + len(data)
            data.extend(raw)
            return at

        known: dict[bytes, int] = {}

        def placed(value: int | bytes | tuple[bytes, ...]) -> int:
            if isinstance(value, int):
                return value & (1 << 64) - 1
            if isinstance(value, tuple):
                pointers = [placed(text) for text in value]
                value = struct.pack(f"<{len(pointers) + 1}Q", *pointers, 0)
            if value not in known:
                known[value] = put(value)
            return known[value]

        rows = bytearray()
        for index, (number, arguments, failed, done) in enumerate(self._rows):
            values = [placed(one) for one in arguments] + [0] * (6 - len(arguments))
            following = [
                _ADDRESS + self._table + _ROW * (self._labels[name] if name else index + 1)
                for name in (failed, done)
            ]
            rows += struct.pack("<9Q", number, *values, *following)
        code = self._begin + struct.pack("<Q", _ADDRESS + self._table) + self._loop
        size = self._table + len(rows) + len(data)
        ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
        # e_type EXEC, one program header right behind this header, no sections.
        head = struct.pack(
            "<HHIQQQIHHHHHH",
            2,
            self._number,
            1,
            _ADDRESS + self._start,
            64,
            0,
            0,
            64,
            56,
            1,
            0,
            0,
            0,
        )
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
        return ident + head + load + code + bytes(rows) + bytes(data)


def launcher(wish: Wish, launch: Launch) -> bytes:
    """The program that becomes what the wish says and executes it."""
    program = _Program()
    if launch.began is not None:
        program.call("write", launch.began, BEGAN, len(BEGAN))
    program.call("close_range", 3, 0xFFFFFFFF, 0)
    for volume in wish.volumes:
        path = os.fsencode(volume.target) + b"\0"
        program.call("fchmodat", _HERE, path, volume.mode)
        if launch.switches:
            program.call("fchownat", _HERE, path, volume.uid, volume.gid, 0)
    if launch.switches:
        _switch(program, wish)
        _capabilities(program, wish)
    # Changing the user has cleared what bubblewrap set: end with what started us.
    program.call("prctl", _PDEATHSIG, 9)
    for name, value in (
        ("data", launch.data_limit),
        ("nproc", launch.process_limit),
        ("fsize", wish.limits.file_size),
        ("core", 0),
    ):
        if value is not None:
            program.call("prlimit64", 0, _RLIMITS[name], struct.pack("<2Q", value, value), 0)
    program.call("umask", 0o022)
    program.call("chdir", os.fsencode(wish.workdir) + b"\0", failed="no folder")
    _execute(program, wish)
    return program.image()


def waiting(began: int) -> bytes:
    """The program that says that it `began`, and then only is there until it is killed."""
    program = _Program()
    program.call("write", began, BEGAN, len(BEGAN))
    program.call("close_range", 3, 0xFFFFFFFF, 0)
    program.call("prctl", _PDEATHSIG, 9)
    program.label("again")
    program.call("ppoll", 0, 0, 0, 0, failed="again", done="again")
    return program.image()


def needed(wish: Wish) -> tuple[str, ...]:
    """The capabilities that this program has to have to become another user, and gives up."""
    return (*("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"), *(["CAP_CHOWN"] if wish.volumes else []))


def mask_of(capabilities: Sequence[str]) -> int:
    """Names like `CAP_CHOWN` as the bits that the kernel gives them."""
    mask = 0
    for name in capabilities:
        mask |= 1 << CAPABILITIES.index(name.removeprefix("CAP_"))
    return mask


def _switch(program: _Program, wish: Wish) -> None:
    groups = struct.pack(f"<{len(wish.groups)}I", *wish.groups) + b"\0"
    program.call("setgroups", len(wish.groups), groups, failed="no user")
    program.call("setresgid", wish.gid, wish.gid, wish.gid, failed="no user")
    for name in needed(wish):
        if name not in wish.capabilities:
            number = CAPABILITIES.index(name.removeprefix("CAP_"))
            program.call("prctl", _BOUNDING_DROP, number, failed="no user")
    program.call("setresuid", wish.uid, wish.uid, wish.uid, failed="no user")


def _capabilities(program: _Program, wish: Wish) -> None:
    program.call("prctl", _AMBIENT, _CLEAR)
    mask = mask_of(wish.capabilities if wish.uid == 0 else ())
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("<2I", 0x20080522, 0)
    # Permitted and effective, none inheritable: execve keeps them for uid 0 and nobody else.
    program.call("capset", header, struct.pack("<6I", low, low, 0, high, high, 0), failed="no user")


def _execute(program: _Program, wish: Wish) -> None:
    """Each candidate in turn; then why none of them ran, in the exit codes of runc and crun."""
    word = wish.argv[0]
    found = wish.environment.get("PATH", DEFAULT_PATH).split(":")
    folders = [] if "/" in word or not word else [folder or "." for folder in found]
    paths = [f"{folder}/{word}" for folder in folders] if folders else [word]
    candidates = [os.fsencode(path) + b"\0" for path in paths]
    argv = _strings(wish.argv)
    environment = _strings([f"{key}={value}" for key, value in wish.environment.items()])
    for number, path in enumerate(candidates):
        program.call("execve", path, argv, environment)
        if not folders:
            program.call("openat", _HERE, path, _DIRECTORY, done="denied")
        program.call("faccessat", _HERE, path, _EXEC, failed=f"next {number}", done="no loader")
        program.label(f"next {number}")
    for path in candidates:
        program.call("faccessat", _HERE, path, _EXISTS, done="denied")
    for label, code, text in (
        ("missing", 127, f"{word}: no such program"),
        ("denied", 126, f"{word}: permission denied"),
        ("no loader", 1, f"{word}: it is there, but its interpreter or format is not"),
        ("no folder", 126, f"{wish.workdir}: no working folder that the user may enter"),
        ("no user", 125, f"cannot become user {wish.uid}:{wish.gid}"),
    ):
        program.label(label)
        message = os.fsencode(f"sandbox: {text}\n")
        program.call("write", 2, message, len(message))
        program.call("exit_group", code)


def _strings(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(text) + b"\0" for text in texts)
