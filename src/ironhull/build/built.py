"""What was built: an image, its platforms and their packages, remembered by key and by digest.

The memory is JSON in the cache: what is lost or damaged there is built again.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import Any, NamedTuple

from ironhull.build.check_result import CheckResult
from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.store.files import replace_file
from ironhull.store.home import Home
from ironhull.values import dataclass


class BuiltPackage(NamedTuple):
    """A binary package in an image, for people and tools; `size` is the bytes of its files there.

    It outlives the lock, which moves on while the image stays.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    size: int


@dataclass(frozen=True, slots=True)
class BuiltPlatform:
    """The image of one platform."""

    platform: str
    digest: Digest
    """Of the manifest."""
    compressed_size: int
    """Bytes of all layers as they are pulled."""
    size: int
    """Bytes of all layers' tars."""
    layers: int
    checks: tuple[CheckResult, ...]
    packages: tuple[BuiltPackage, ...]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image of the store: an index with a manifest for each platform."""

    name: str
    tags: tuple[str, ...]
    descriptor: Descriptor
    """Of the index."""
    platforms: tuple[BuiltPlatform, ...]
    definition: str
    """Path of the definition's file, as it was named."""
    inputs: str = field(default="", compare=False)
    """What it was made of, whatever the platforms; '' for one of an older Ironhull."""
    layers_made: int = field(default=0, compare=False)
    layers_reused: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class StoredBuild:
    """A built image of the store, on one platform."""

    image: BuiltImage
    built: BuiltPlatform
    tags: tuple[str, ...]
    config: dict[str, Any]
    """The OCI config document; secrets in what it runs are hidden."""


def remember(home: Home, key: str, image: BuiltImage) -> None:
    """Keep what was built for `built_image`, under its key and under its digest."""
    value = {
        "name": image.name,
        "tags": list(image.tags),
        "index": image.descriptor.json(),
        "definition": image.definition,
        "inputs": image.inputs,
        "platforms": [_platform_json(built) for built in image.platforms],
    }
    raw = json.dumps(value).encode()
    for name in (key, hex_of(image.descriptor.digest)):
        replace_file(home.images / f"{name}.json", raw, durable=False)


def built_image(home: Home, key: str) -> BuiltImage | None:
    """What is remembered of an image, by its key or by the hexadecimal digits of its digest."""
    try:
        return _image(json.loads((home.images / f"{key}.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def _platform_json(built: BuiltPlatform) -> dict[str, Any]:
    return {
        "platform": built.platform,
        "digest": built.digest,
        "compressed_size": built.compressed_size,
        "size": built.size,
        "layers": built.layers,
        "packages": built.packages,
        "checks": [[check.name, check.looked_at, list(check.problems)] for check in built.checks],
    }


def _image(value: dict[str, Any]) -> BuiltImage:
    platforms = tuple(_platform(item) for item in value["platforms"])
    return BuiltImage(
        value["name"],
        tuple(value["tags"]),
        Descriptor.from_json(value["index"]),
        platforms,
        value["definition"],
        value.get("inputs", ""),
        0,
        sum(built.layers for built in platforms),
    )


def _platform(value: dict[str, Any]) -> BuiltPlatform:
    checks = tuple(
        CheckResult(name, value["platform"], count, tuple(problems))
        for name, count, problems in value["checks"]
    )
    return BuiltPlatform(
        value["platform"],
        value["digest"],
        value["compressed_size"],
        value["size"],
        value["layers"],
        checks,
        tuple(BuiltPackage(*package) for package in value["packages"]),
    )
