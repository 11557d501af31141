"""File capabilities: the xattr `security.capability` as getcap(8) writes it (capabilities(7))."""

from __future__ import annotations

import struct

XATTR = "security.capability"

# fmt: off
_NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid",
    "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin",
    "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace",
    "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
    "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
    "perfmon", "bpf", "checkpoint_restore",
)
# fmt: on
_REVISIONS = {0x01000000: (12, 1), 0x02000000: (20, 2), 0x03000000: (24, 2)}
_EFFECTIVE = 1


def capabilities(value: bytes) -> str:
    """`cap_net_raw=ep`; a value that the kernel would not take says so."""
    if len(value) < 4:
        return "unreadable capabilities"
    (magic,) = struct.unpack_from("<I", value)
    size, words = _REVISIONS.get(magic & 0xFF000000, (0, 0))
    if len(value) != size:
        return "unreadable capabilities"
    permitted = inheritable = 0
    for word in range(words):
        low, high = struct.unpack_from("<II", value, 4 + 8 * word)
        permitted |= low << 32 * word
        inheritable |= high << 32 * word
    effective = "e" if magic & _EFFECTIVE else ""
    groups: dict[str, list[str]] = {}
    for bit in range(64):
        flags = effective + ("i" if inheritable >> bit & 1 else "")
        flags += "p" if permitted >> bit & 1 else ""
        if flags != effective:
            name = _NAMES[bit] if bit < len(_NAMES) else str(bit)
            groups.setdefault(flags, []).append(f"cap_{name}")
    return " ".join(f"{','.join(names)}={flags}" for flags, names in groups.items())
