"""The system calls that a sandbox refuses, as a program for the kernel's seccomp filter.

What no service needs and what has been a way out of containers: mounting, other namespaces, keys,
modules, kernel tracing, io_uring, raw devices, the clock. They give EPERM; clone3, whose flags a
filter cannot see, gives ENOSYS, so that libraries fall back to clone. Calls of another architecture
(i386, x32) are EPERM too. Without a table for the machine there is no filter.
"""

from __future__ import annotations

import platform
import struct

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24
# CLONE_NEW* of namespaces; NEWTIME shares its bit with the signal number in clone.
_NAMESPACES = 0x7E020000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Number on x86_64, on aarch64; -1: it is not there.
_REFUSED = {
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "adjtimex": (159, 171),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "lookup_dcookie": (212, 18),
    "clock_settime": (227, 112),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265),
    "clock_adjtime": (305, 266),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "finit_module": (313, 273),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443),
}
_CLONE, _IOCTL, _CLONE3 = (56, 220), (16, 29), (435, 435)
REFUSED = tuple(sorted(_REFUSED))
"""Names of the calls that are refused whatever their arguments."""


def seccomp_filter() -> bytes:
    """Instructions of classic BPF as `bwrap --seccomp` reads them; empty on unknown machines.

    `personality`, `ptrace` and `process_vm_*` are refused too, which docker's filter allows.
    """
    machine = platform.machine()
    if machine not in _ARCHES:
        return b""
    column = 0 if machine == "x86_64" else 1
    refuse = (_RETURN, 0, 0, _ERRNO | _EPERM)
    rows: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _ARCHES[machine]),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:
        rows += [(_AT_LEAST, 0, 1, 0x40000000), refuse]
    for numbers in sorted(_REFUSED.values()):
        if numbers[column] >= 0:
            rows += [(_EQUAL, 0, 1, numbers[column]), refuse]
    rows += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    rows += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST),
        (_ANY_BIT, 0, 6, _NAMESPACES),
        refuse,
        (_EQUAL, 0, 4, _IOCTL[column]),
        (_LOAD, 0, 0, _SECOND),
        (_EQUAL, 1, 0, _TIOCSTI),
        (_EQUAL, 0, 1, _TIOCLINUX),
        refuse,
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *row) for row in rows)
