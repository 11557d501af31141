"""Reads VEX documents from files, folders and attestations, whatever their format is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ironhull.attest.opening import open_attachment
from ironhull.errors import InputError, MalformedError
from ironhull.json_fields import decode
from ironhull.vex import csaf, cyclonedx, openvex
from ironhull.vex.model import VexDocument

MAX_SIZE = 128 << 20
_SUFFIXES = (".json", ".vex", ".cdx", ".openvex", ".intoto", ".jsonl")


def read_vex(place: Path) -> Iterator[VexDocument]:
    """All documents of a file or folder. InputError if there is none; MalformedError for others."""
    if place.is_dir():
        found = False
        for path in sorted(place.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix in _SUFFIXES:
                found = True
                yield parse_vex(_bytes(path), str(path))
        if not found:
            raise InputError(f"{place}: a folder without VEX documents ({', '.join(_SUFFIXES)})")
    elif place.is_file():
        yield parse_vex(_bytes(place), str(place))
    else:
        raise InputError(f"no VEX document at {place}")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_SIZE:
            raise MalformedError(f"{path}: larger than {MAX_SIZE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def parse_vex(data: bytes, name: str) -> VexDocument:
    """One document, also inside a bundle, an envelope or a statement; MalformedError says why not.

    No signature is looked at: who signed it is to be checked before.
    """
    value = decode(open_attachment(data, name).document, name)
    if openvex.recognises(value):
        return openvex.parse(value, name)
    if csaf.recognises(value):
        return csaf.parse(value, name)
    if cyclonedx.recognises(value):
        return cyclonedx.parse(value, name)
    raise MalformedError(f"{name}: neither OpenVEX nor CSAF nor CycloneDX")


def may_hold_statements(value: dict[str, Any]) -> bool:
    """Whether it is VEX: a CycloneDX BOM without vulnerabilities is an SBOM and nothing else."""
    if cyclonedx.recognises(value):
        return bool(value.get("vulnerabilities"))
    return openvex.recognises(value) or csaf.recognises(value)
