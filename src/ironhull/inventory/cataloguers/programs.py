"""Packages inside ELF programs: Go modules, Rust crates, and runtimes known by their own words."""

from __future__ import annotations

from typing import BinaryIO

from ironhull.inventory.cataloguers import cargo, golang, runtimes
from ironhull.inventory.cataloguers.elf import ElfFile
from ironhull.inventory.cataloguers.interface import Findings


def read(path: str, file: BinaryIO) -> Findings:
    """What a program or shared object was built from."""
    findings = Findings()
    elf = ElfFile(file)
    golang.read(path, elf, findings)
    cargo.read(path, elf, findings)
    runtimes.read(path, file, findings)
    return findings
