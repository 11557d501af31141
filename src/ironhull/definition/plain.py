"""Parts of a definition as JSON values: what digests and keys of layers are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from ironhull.definition.model import BuildStage, FileRequest, PackageRequest
from ironhull.oci.digest import digest_of


def plain(value: Any) -> Any:
    """A part of a definition as JSON, without places and without paths of this machine."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    # Nearly all is text: to call for each takes longer than what is done with it.
    if kind is tuple or kind is list:
        return [inner if type(inner) is str else plain(inner) for inner in value]
    names = _NAMES.get(kind)
    if names is None:
        names = _names(kind)
    if names:
        found = {}
        for name in names:
            inner = getattr(value, name)
            found[name] = inner if type(inner) is str or inner is None else plain(inner)
        if kind in _CHANGEABLE:
            for name in _left_out(value):
                del found[name]
        return found
    if isinstance(value, bytes):
        return digest_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: inner if type(inner) is str else plain(inner) for key, inner in value.items()}
    return value


_NAMES: dict[type, tuple[str, ...]] = {}
"""The fields of each class that was met; none of what is no data class."""
_CHANGEABLE = (BuildStage, FileRequest, PackageRequest)


def _names(kind: type) -> tuple[str, ...]:
    names = (field.name for field in fields(kind)) if is_dataclass(kind) else ()
    # Where something stands is of this file, and decides nothing.
    return _NAMES.setdefault(kind, tuple(name for name in names if name != "place"))


def _left_out(value: Any) -> Collection[str]:
    """Fields that are of this machine, or that a definition of before did not have."""
    if isinstance(value, FileRequest) and value.url.startswith("file:"):
        return ("url",)
    if isinstance(value, PackageRequest) and value.part is None:
        return ("part",)
    if isinstance(value, BuildStage) and not value.complete:
        return ("complete",)
    return ()
