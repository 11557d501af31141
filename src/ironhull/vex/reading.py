"""Reads VEX documents from files, folders and attestations, whatever their format is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ironhull.errors import InputError, MalformedError
from ironhull.vex import csaf, cyclonedx, openvex
from ironhull.vex.model import VexDocument

MAX_SIZE = 128 << 20
MAX_WRAPPINGS = 4
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
    """One document; MalformedError names what it is not."""
    value = unwrapped(decode(data, name), name)
    if openvex.recognises(value):
        return openvex.parse(value, name)
    if csaf.recognises(value):
        return csaf.parse(value, name)
    if cyclonedx.recognises(value):
        return cyclonedx.parse(value, name)
    raise MalformedError(f"{name}: neither OpenVEX nor CSAF nor CycloneDX")


def decode(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object; MalformedError for anything else."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"{name}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedError(f"{name}: expected a JSON object, got {type(value).__name__}")
    return value


def unwrapped(value: dict[str, Any], name: str) -> dict[str, Any]:
    """What is inside a Sigstore bundle, a DSSE envelope and an in-toto statement.

    The signature is not looked at: who signed it is to be checked before.
    """
    for _ in range(MAX_WRAPPINGS):
        inner = value.get("dsseEnvelope")
        if isinstance(inner, dict):
            value = inner
        elif isinstance(value.get("payload"), str) and "payloadType" in value:
            try:
                data = base64.b64decode(value["payload"], validate=True)
            except (binascii.Error, ValueError):
                raise MalformedError(f"{name}: the envelope's payload is not base64") from None
            value = decode(data, name)
        elif isinstance(value.get("predicate"), dict) and "predicateType" in value:
            value = value["predicate"]
        else:
            break
    return value
