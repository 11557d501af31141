"""The filter, run by an interpreter of the four instructions that it uses."""

from __future__ import annotations

import platform
import struct

import pytest

from ironhull.sandbox import seccomp
from ironhull.sandbox.seccomp import seccomp_filter

ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
X86, ARM = 0xC000003E, 0xC00000B7


def verdict(program: bytes, arch: int, number: int, first: int = 0, second: int = 0) -> int:
    data = struct.pack("<IIQ6Q", number, arch, 0, first, second, 0, 0, 0, 0)
    rows = list(struct.iter_unpack("<HBBI", program))
    at = value = 0
    while True:
        code, true, false, k = rows[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, k)
            case 0x15:
                at += true if value == k else false
            case 0x35:
                at += true if value >= k else false
            case 0x45:
                at += true if value & k else false
            case 0x06:
                return int(k)


@pytest.mark.parametrize(("machine", "arch", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
def test_what_is_refused_on_each_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, arch: int, column: int
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    program = seccomp_filter()
    read, clone, clone3, ioctl = [(0, 56, 435, 16), (63, 220, 435, 29)][column]
    mount, unshare, keyctl = [(165, 272, 250), (40, 97, 219)][column]
    assert verdict(program, arch, read) == ALLOW
    assert {verdict(program, arch, one) for one in (mount, unshare, keyctl)} == {EPERM}
    assert verdict(program, arch, clone3) == ENOSYS
    assert verdict(program, arch, clone, first=0x11) == ALLOW
    # A new namespace of each kind, and all of a thread's flags.
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(program, arch, clone, first=flag | 0x11) == EPERM
    assert verdict(program, arch, clone, first=0x3D0F00) == ALLOW
    assert verdict(program, arch, ioctl, second=0x5401) == ALLOW
    assert {verdict(program, arch, ioctl, second=one) for one in (0x5412, 0x541C)} == {EPERM}


def test_calls_of_another_architecture_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert verdict(seccomp_filter(), 0x40000003, 0) == EPERM
    assert verdict(seccomp_filter(), X86, 0x40000000) == EPERM


def test_an_unknown_machine_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert seccomp_filter() == b""
    assert "mount" in seccomp.REFUSED
