"""What the dynamic linker reads of an ELF file: machine, interpreter, sonames, search paths.

Only the program headers and the dynamic segment are read, as ld.so does it; section headers may be
stripped. The file is hostile: every offset and count is checked against the file's size.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from ironhull.errors import MalformedError

MAGIC = b"\x7fELF"
ET_EXEC, ET_DYN = 2, 3
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 14, 15, 29
_MAX_HEADERS = 128
_MAX_DYNAMIC = 1 << 20
_MAX_STRING = 4096
# Bytes of all names in one file; the largest programs of Debian have some thousands.
_MAX_STRINGS = 1 << 17


class Elf(NamedTuple):
    """Facts of one ELF file; a list in JSON, in this order."""

    bits: int
    machine: int
    """e_machine: 62 x86-64, 183 AArch64, …"""
    type: int
    flags: int
    """e_flags, which tells ARM's float ABI and RISC-V's."""
    interpreter: str
    soname: str
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    """DT_RUNPATH if there is one, else DT_RPATH; `$ORIGIN` as written."""
    dynamic: bool


def read_elf(file: BinaryIO, size: int, where: str = "ELF file") -> Elf | None:
    """The facts of the ELF file of `size` bytes, or None if it is none that can be loaded.

    MalformedError, which begins with `where`, if it names more libraries than can be meant.
    """
    head = file.read(64)
    # 52 bytes is the smaller header; then the class (32 or 64 bits) and the byte order.
    if len(head) < 52 or head[:4] != MAGIC or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    bits = 32 * head[4]
    order = "<" if head[5] == 1 else ">"
    if bits == 64 and len(head) < 64:
        return None
    kind, machine = struct.unpack_from(order + "HH", head, 16)
    # Object files (.o), kernel modules and core dumps are ELF too; nobody loads them.
    if kind not in (ET_EXEC, ET_DYN):
        return None
    try:
        return _Reader(file, size, bits, order, where).facts(head, kind, machine)
    # Cut off or with tables outside of the file: the kernel would refuse it, so it is no program.
    except struct.error:
        return None


class _Reader:
    def __init__(self, file: BinaryIO, size: int, bits: int, order: str, where: str) -> None:
        self._file, self._size, self._bits, self._order = file, size, bits, order
        self._where = where
        self._strings = 0
        self._loads: list[tuple[int, int, int]] = []

    def facts(self, head: bytes, kind: int, machine: int) -> Elf:
        interpreter, dynamic = "", b""
        if self._bits == 64:
            offset, flags = struct.unpack_from(self._order + "Q8xI", head, 32)
            entry, count = struct.unpack_from(self._order + "HH", head, 54)
            # Type, offset, address, size in the file; flags and the physical address are left out.
            layout = "I4xQQ8xQ"
        else:
            offset, flags = struct.unpack_from(self._order + "I4xI", head, 28)
            entry, count = struct.unpack_from(self._order + "HH", head, 42)
            layout = "III4xI"
        # The kernel takes one page of headers: 73 of 64 bits, 128 of 32.
        count = min(count, _MAX_HEADERS)
        table = self._at(offset, entry * count)
        for index in range(count):
            what, where, address, length = struct.unpack_from(
                self._order + layout, table, index * entry
            )
            if what == _PT_LOAD:
                self._loads.append((address, where, length))
            elif what == _PT_INTERP:
                interpreter = _text(self._at(where, min(length, _MAX_STRING)))
            elif what == _PT_DYNAMIC:
                dynamic = self._at(where, min(length, _MAX_DYNAMIC))
        return self._dynamic(dynamic, kind, machine, flags, interpreter)

    def _dynamic(self, table: bytes, kind: int, machine: int, flags: int, interpreter: str) -> Elf:
        step = 16 if self._bits == 64 else 8
        entries: list[tuple[int, int]] = []
        form = self._order + ("QQ" if self._bits == 64 else "II")
        for tag, value in struct.iter_unpack(form, table[: len(table) // step * step]):
            # DT_NULL ends the list; what follows it is room that prelink and patchelf left.
            if tag == 0:
                break
            entries.append((tag, value))
        # The dynamic segment gives addresses in memory: the loaded segments say where in the file.
        strings = next((value for tag, value in entries if tag == _DT_STRTAB), None)
        base = None if strings is None else self._offset(strings)

        def texts(wanted: int) -> list[str]:
            if base is None:
                return []
            return [self._string(base + value) for tag, value in entries if tag == wanted]

        # ld.so ignores DT_RPATH where there is a DT_RUNPATH.
        paths = texts(_DT_RUNPATH) or texts(_DT_RPATH)
        return Elf(
            self._bits,
            machine,
            kind,
            flags,
            interpreter,
            next(iter(texts(_DT_SONAME)), ""),
            tuple(texts(_DT_NEEDED)),
            tuple(part for text in paths for part in text.split(":") if part),
            bool(entries),
        )

    def _string(self, offset: int) -> str:
        text = _text(self._at(offset, _MAX_STRING))
        self._strings += len(text) + 1
        if self._strings > _MAX_STRINGS:
            raise MalformedError(f"{self._where} needs libraries of {_MAX_STRINGS} letters or more")
        return text

    def _offset(self, address: int) -> int | None:
        for start, where, length in self._loads:
            if start <= address < start + length:
                return address - start + where
        return None

    def _at(self, offset: int, length: int) -> bytes:
        if not 0 <= offset <= self._size:
            return b""
        self._file.seek(offset)
        return self._file.read(length)


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
