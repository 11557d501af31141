"""Parts of a definition as JSON values: what digests and keys of layers are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from ironhull.definition.model import FileRequest, PackageRequest
from ironhull.oci.digest import digest_of


def plain(value: Any) -> Any:
    """A part of a definition as JSON, without places and without paths of this machine."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is tuple or kind is list:
        return [plain(inner) for inner in value]
    if is_dataclass(kind):
        left_out = _left_out(value)
        return {name: plain(getattr(value, name)) for name in _names(kind) if name not in left_out}
    if isinstance(value, bytes):
        return digest_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _left_out(value: Any) -> Collection[str]:
    """Fields that are of this machine, or that a definition of before did not have."""
    if isinstance(value, FileRequest) and value.url.startswith("file:"):
        return ("place", "url")
    if isinstance(value, PackageRequest) and value.part is None:
        return ("place", "part")
    return ("place",)
