"""Go modules: the build information that the Go linker puts into every program (debug/buildinfo).

The block begins with a magic on a 16-byte boundary. Since Go 1.18 two strings follow it in place;
before, two pointers to string headers did. The module text is lines of tab-separated words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from ironhull.inventory.cataloguers.elf import ElfFile
from ironhull.inventory.cataloguers.interface import Findings
from ironhull.inventory.cataloguers.parse import text_of
from ironhull.inventory.model import Package

_MAGIC = b"\xff Go buildinf:"
_HEADER = 32
_INLINE, _BIG_ENDIAN = 2, 1
_MAX_STRING = 4 << 20
_SEARCH = 1 << 20
_SENTINEL = 16
_RELEASE = re.compile(r"go(\d+(?:\.\d+)*(?:(?:rc|beta)\d+)?)")
_LINKED_VERSION = re.compile(
    r"-X[ =]['\"]?[^\s'\"=]*[vV]ersion=['\"]?(v?\d+\.\d+(?:\.\d+)?[^\s'\"]*)"
)


def read(path: str, elf: ElfFile, findings: Findings) -> None:
    """The main module, its dependencies and the standard library of a Go program."""
    found = _strings(elf)
    if found is None:
        return
    release, modules = found
    version = _RELEASE.match(release)
    if version is None:
        findings.unparsed(path, f"Go build information with the version {release!r:.60}")
    else:
        findings.packages.append(
            Package(name="stdlib", version=version[1], type="golang", location=path)
        )
    findings.packages += _modules(path, modules)


def _strings(elf: ElfFile) -> tuple[str, str] | None:
    """The version of Go and the module text."""
    block = _block(elf)
    if block is None:
        return None
    header = elf.at(block, _HEADER)
    if len(header) < _HEADER:
        return None
    size, flags = header[14], header[15]
    if flags & _INLINE:
        release, after = _inline(elf, block + _HEADER)
        modules, _ = _inline(elf, after)
    elif size in (4, 8):
        order = "big" if flags & _BIG_ENDIAN else "little"
        release, modules = (
            _pointed(elf, int.from_bytes(header[at : at + size], order), size, order)  # type: ignore[arg-type]
            for at in (16, 16 + size)
        )
    else:
        return None
    if not release:
        return None
    if len(modules) > 2 * _SENTINEL and modules[-_SENTINEL - 1 :][:1] == b"\n":
        modules = modules[_SENTINEL:-_SENTINEL]
    return release.decode("utf-8", "replace"), modules.decode("utf-8", "replace")


def _block(elf: ElfFile) -> int | None:
    """Where the block begins: its section, else on a boundary near the start of a segment."""
    section = elf.sections.get(".go.buildinfo")
    places = [section] if section else elf.data_segments()
    if not section and elf.sections and ".note.go.buildid" not in elf.sections:
        return None
    for place in places:
        data = elf.at(place.offset, min(place.size, _SEARCH))
        start = data.find(_MAGIC)
        while start >= 0:
            if start % 16 == 0:
                return place.offset + start
            start = data.find(_MAGIC, start + 1)
    return None


def _inline(elf: ElfFile, offset: int) -> tuple[bytes, int]:
    """A string behind its length as a varint, and where it ends."""
    length = shift = 0
    for index, byte in enumerate(elf.at(offset, 10)):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            start = offset + index + 1
            return (elf.at(start, length) if length <= _MAX_STRING else b""), start + length
    return b"", offset


def _pointed(elf: ElfFile, pointer: int, size: int, order: str) -> bytes:
    """A string behind a pointer to its header: address and length."""
    header = elf.memory(pointer, 2 * size)
    if len(header) < 2 * size:
        return b""
    address, length = (
        int.from_bytes(header[at : at + size], order)  # type: ignore[arg-type]
        for at in (0, size)
    )
    return elf.memory(address, length) if length <= _MAX_STRING else b""


def _modules(path: str, text: str) -> Iterator[Package]:
    main: Package | None = None
    dependencies: list[Package] = []
    settings: dict[str, str] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition("\t")
        words = [text_of(word) for word in rest.split("\t")]
        if kind == "build":
            key, _, value = rest.partition("=")
            settings[key] = value
        elif kind in ("mod", "dep", "=>") and len(words) >= 2 and words[0]:
            package = Package(name=words[0], version=words[1], type="golang", location=path)
            if kind == "mod":
                main = package
            elif kind == "dep":
                dependencies.append(package)
            elif dependencies:
                # A replacement is what was really built in.
                dependencies[-1] = package
    if main is not None:
        yield replace(main, version=_main_version(main.version, settings))
    yield from dependencies


def _main_version(version: str, settings: dict[str, str]) -> str:
    """A main module built from a checkout is `(devel)`: say what its build settings tell."""
    if version not in ("", "(devel)"):
        return version
    linked = _LINKED_VERSION.search(settings.get("-ldflags", ""))
    if linked:
        return linked[1]
    revision, time = settings.get("vcs.revision", ""), settings.get("vcs.time", "")
    if len(revision) >= 12:
        try:
            moment = datetime.fromisoformat(time).astimezone(UTC)
        except (ValueError, OverflowError):
            return version
        return f"v0.0.0-{moment:%Y%m%d%H%M%S}-{revision[:12]}"
    return version
