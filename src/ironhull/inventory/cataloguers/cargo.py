"""Rust crates: the audit section `.dep-v0` of programs, zlib-compressed JSON (cargo-auditable)."""

from __future__ import annotations

import json
import zlib

from ironhull.inventory.cataloguers.elf import ElfFile
from ironhull.inventory.cataloguers.interface import Findings
from ironhull.inventory.cataloguers.parse import MAX_JSON, text_of
from ironhull.inventory.model import Package

_SECTION = ".dep-v0"


def read(path: str, elf: ElfFile, findings: Findings) -> None:
    """The crates built in, without those that only ran while building."""
    section = elf.sections.get(_SECTION)
    if section is None:
        return
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(elf.at(section.offset, min(section.size, MAX_JSON)), MAX_JSON)
        if not inflate.eof:
            findings.unparsed(path, f"an audit section that is cut off or over {MAX_JSON} bytes")
            return
        items = json.loads(data)["packages"]
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        findings.unparsed(path, f"a damaged audit section {_SECTION}: {str(error)[:120]}")
        return
    for number, item in enumerate(items if isinstance(items, list) else [], 1):
        said = item if isinstance(item, dict) else {}
        if said.get("kind", "runtime") != "runtime":
            continue
        name, version = text_of(said.get("name")), text_of(said.get("version"))
        if not name or not version:
            findings.unparsed(path, f"crate {number} ({name or '?'}) without name and version")
            continue
        findings.packages.append(Package(name=name, version=version, type="cargo", location=path))
