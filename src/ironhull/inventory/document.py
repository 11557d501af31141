"""Inventories as JSON, and back.

The JSON is what `ironhull inventory --json` prints and what is stored for a rescan. Fields that
are empty are left out of packages and findings; reading puts the defaults back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

from ironhull.errors import MalformedError
from ironhull.inventory.model import (
    PACKAGE_TYPES,
    SURFACE_COUNTS,
    SURFACE_LISTS,
    Distribution,
    Duplicate,
    Exposure,
    ImageConfig,
    ImageIdentity,
    Inventory,
    Layer,
    Package,
    PasswdEntry,
    Remark,
    Surface,
)
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform

SCHEMA = "ironhull-inventory-1"
READER = 3
"""Grows when images are read differently. What an older reader stored is still an inventory, but
who can read the image again does so."""

Value = TypeVar("Value")


def to_json(inventory: Inventory) -> dict[str, Any]:
    """The inventory as a JSON object; `from_json` gives an equal one back."""
    image = inventory.image
    return {
        "schema": SCHEMA,
        "image": {
            "name": image.name,
            "kind": image.kind,
            "digest": image.digest,
            "manifest": image.manifest,
            "config": image.config,
            "platform": None if image.platform is None else image.platform.json(),
        },
        "distribution": _flat(inventory.distribution),
        "packages": [package_json(package) for package in inventory.packages],
        "users": [_flat(user) for user in inventory.users],
        "config": _flat(inventory.config),
        "surface": {
            **{
                name: [_short(found) for found in getattr(inventory.surface, name)]
                for name in SURFACE_LISTS
            },
            **{name: getattr(inventory.surface, name) for name in SURFACE_COUNTS},
        },
        "layers": [_flat(layer) for layer in inventory.layers],
        "duplicates": [_flat(duplicate) for duplicate in inventory.duplicates],
        "wasted": inventory.wasted,
        "remarks": [_short(remark) for remark in inventory.remarks],
    }


def package_json(package: Package) -> dict[str, Any]:
    """A package as every report writes it: the identifying names always, the others if set."""
    value: dict[str, Any] = {
        "name": package.name,
        "version": package.version,
        "source": package.source,
        "source_version": package.source_version,
        "type": package.type,
        "location": package.location,
        "layer": package.layer,
        "purl": package.purl,
    }
    return value | {key: item for key, item in _short(package).items() if key not in value}


def dumps(inventory: Inventory) -> bytes:
    """The stored form: one line of UTF-8 JSON."""
    value = to_json(inventory) | {"reader": READER}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def loads(data: bytes, where: str, reader: int = 0) -> Inventory:
    """An inventory from its stored form, made by `reader` or a later one.

    MalformedError names `where` it came from.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{where}: not an inventory: {error}") from None
    made_by = value.get("reader") if isinstance(value, dict) else None
    if reader and not (isinstance(made_by, int) and made_by >= reader):
        raise MalformedError(f"{where}: made by an older reader of images")
    return from_json(value, where)


def from_json(value: object, where: str = "inventory") -> Inventory:
    """The inventory that `to_json` wrote; MalformedError for anything else."""
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        got = value.get("schema") if isinstance(value, dict) else type(value).__name__
        raise MalformedError(f"{where}: expected schema {SCHEMA}, got {got!r:.60}")
    try:
        return _inventory(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"{where}: a damaged inventory: {error!r:.200}") from None


def _inventory(value: Mapping[str, Any]) -> Inventory:
    surface = value["surface"]
    lists = {name: tuple(_read(Exposure, item) for item in surface[name]) for name in SURFACE_LISTS}
    counts = {name: int(surface[name]) for name in SURFACE_COUNTS}
    return Inventory(
        image=_image(value["image"]),
        distribution=_read(Distribution, value["distribution"]),
        packages=tuple(package_from_json(item) for item in value["packages"]),
        users=tuple(_read(PasswdEntry, item) for item in value["users"]),
        config=_read(ImageConfig, value["config"]),
        surface=Surface(**lists, **counts),  # type: ignore[arg-type]
        layers=tuple(_read(Layer, item) for item in value["layers"]),
        duplicates=tuple(_read(Duplicate, item) for item in value["duplicates"]),
        wasted=int(value["wasted"]),
        remarks=tuple(_read(Remark, item) for item in value["remarks"]),
    )


def _image(value: Mapping[str, Any]) -> ImageIdentity:
    platform = value["platform"]
    return ImageIdentity(
        name=value["name"],
        kind=value["kind"],
        digest=cast("Digest | None", value["digest"]),
        manifest=cast("Digest | None", value["manifest"]),
        config=cast("Digest | None", value["config"]),
        platform=platform
        and Platform(platform["os"], platform["architecture"], platform.get("variant")),
    )


def package_from_json(value: Mapping[str, Any]) -> Package:
    """A package as `package_json` writes it; ValueError or TypeError for anything else."""
    package = _read(Package, value)
    if package.type not in PACKAGE_TYPES:
        raise ValueError(f"unknown package type {package.type!r}")
    return package


def _flat(value: Any) -> dict[str, Any]:
    """All fields of a value, tuples as lists."""
    pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: list(item) if isinstance(item, tuple) else item for name, item in pairs}


def _short(value: Any) -> dict[str, Any]:
    """The fields of a value without those that are empty and may be."""
    needed = {field.name for field in fields(value) if field.default is MISSING}
    return {
        name: item for name, item in _flat(value).items() if name in needed or item not in ("", [])
    }


def _read(kind: Callable[..., Value], value: Mapping[str, Any]) -> Value:
    return kind(
        **{name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
    )
