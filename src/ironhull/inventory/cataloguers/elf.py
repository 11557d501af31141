"""Sections of an ELF file by name, and bytes by virtual address. Offsets are a stranger's claims.

Only what finds packages in programs is here; what the dynamic linker reads is in `build.elf`.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from ironhull.values import dataclass

MAGIC = b"\x7fELF"
_EXECUTABLE, _SHARED = 2, 3
_PT_LOAD = 1
_MAX_TABLE = 1 << 20
_MAX_NAMES = 1 << 20


@dataclass(frozen=True, slots=True)
class Section:
    """Where a section's bytes are in the file."""

    offset: int
    size: int


class ElfFile:
    """Sections and segments of `file`; both empty if the tables do not make sense."""

    __slots__ = ("_file", "_loads", "little", "sections", "wide")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sections: dict[str, Section] = {}
        self._loads: list[tuple[int, int, int]] = []
        head = file.read(64)
        self.wide = head[4:5] == b"\2"
        self.little = head[5:6] != b"\2"
        try:
            self._tables(head)
        except (struct.error, OverflowError):
            self.sections = {}

    def at(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer, or none, where it does not have them."""
        if offset < 0 or size <= 0 or offset > 1 << 62:
            return b""
        self._file.seek(offset)
        return self._file.read(size)

    def memory(self, address: int, size: int) -> bytes:
        """Bytes that would be loaded at a virtual address."""
        for start, offset, length in self._loads:
            if start <= address < start + length:
                return self.at(offset + address - start, min(size, length - (address - start)))
        return b""

    def data_segments(self) -> list[Section]:
        """Segments that are loaded, as places in the file."""
        return [Section(offset, length) for _, offset, length in self._loads]

    def _tables(self, head: bytes) -> None:
        order = "<" if self.little else ">"
        if self.wide:
            segments, sections = struct.unpack_from(order + "QQ", head, 32)
            layout = struct.unpack_from(order + "HHHHH", head, 54)
        else:
            segments, sections = struct.unpack_from(order + "II", head, 28)
            layout = struct.unpack_from(order + "HHHHH", head, 42)
        segment_size, segment_count, section_size, section_count, names = layout
        self._read_segments(order, segments, segment_size, segment_count)
        self._read_sections(order, sections, section_size, section_count, names)

    def _read_segments(self, order: str, offset: int, size: int, count: int) -> None:
        if size < 32:
            return
        table = self.at(offset, min(size * count, _MAX_TABLE))
        for start in range(0, len(table) - size + 1, size):
            if self.wide:
                kind, where, address, length = struct.unpack_from(order + "I4xQQ8xQ", table, start)
            else:
                kind, where, address, length = struct.unpack_from(order + "III4xI", table, start)
            if kind == _PT_LOAD and length:
                self._loads.append((address, where, length))

    def _read_sections(self, order: str, offset: int, size: int, count: int, names: int) -> None:
        if not offset or size < 40:
            return
        table = self.at(offset, min(size * count, _MAX_TABLE))
        layout, skip = (order + "QQ", 24) if self.wide else (order + "II", 16)
        places = []
        for start in range(0, len(table) - size + 1, size):
            (name,) = struct.unpack_from(order + "I", table, start)
            places.append((name, Section(*struct.unpack_from(layout, table, start + skip))))
        if names >= len(places):
            return
        strings = self.at(places[names][1].offset, min(places[names][1].size, _MAX_NAMES))
        for name, section in places:
            end = strings.find(b"\0", name)
            if 0 <= name < end:
                text = strings[name:end].decode("latin-1")
                self.sections.setdefault(text, section)


def is_program(head: bytes) -> bool:
    """Whether the first 18 bytes are those of an executable or a shared object."""
    if len(head) < 18 or head[:4] != MAGIC:
        return False
    kind = head[16] if head[5] != 2 else head[17]
    return kind in (_EXECUTABLE, _SHARED)
