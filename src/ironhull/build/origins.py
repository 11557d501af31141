"""Where each path of a built image comes from: what its bill of materials and provenance repeat.

It is written beside the store when an image is made, by the digest of its manifest, and outlives
the lock, which moves on while the image stays. What is lost there comes back with the next build.
"""

from __future__ import annotations

import os
import posixpath
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import zstandard

from ironhull.build.record import PackagePart, TreeEntry
from ironhull.definition.model import ArtifactRequest, BuildStage, FileRequest
from ironhull.lock.model import LockedPackage
from ironhull.oci.digest import Digest, digest_of, hex_of
from ironhull.oci.platform import Platform
from ironhull.oci.tar import DIRECTORY
from ironhull.store.files import Stamp, replace_file, stamp_of
from ironhull.store.home import Home
from ironhull.values import dataclass

FORMAT = 1
_LEVEL = 3
_STAGE = "stage "
_MAX_SIZE = 1 << 30

Value = TypeVar("Value")
_CONVERTING = threading.Lock()
_KEPT = 4


class OriginKind(StrEnum):
    """Who brought a path into an image."""

    PACKAGE = "package"
    FETCHED = "fetched"
    """A file or archive of `contents.files`, or out of an image of `contents.artifacts`."""
    BUILT = "built"
    """A stage of `contents.builds`."""
    DEFINITION = "definition"
    """An entry of `paths`."""
    STEP = "step"
    """A step of Ironhull's, which did what packages' scripts would have done."""


class Origin(NamedTuple):
    """One who brought paths; `name` is the package's, the fetched file's, the path's or step's."""

    kind: OriginKind
    name: str


DATABASE = Origin(OriginKind.STEP, "package-database")


class FetchedFile(NamedTuple):
    """A file, archive or other image that the definition names by address."""

    name: str
    """As `Origin.name`."""
    url: str
    """Of a file beside the definition its name alone."""
    digest: Digest


class BuiltStage(NamedTuple):
    """A stage of `contents.builds` whose outputs are in the image."""

    name: str
    layer: str
    """The diff_id of what it gave."""
    steps: tuple[tuple[str, str], ...]
    """Each step's name, and the digest of its commands."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What one platform of an image was made of."""

    packages: tuple[LockedPackage, ...]
    """Those of the lock, without their reasons."""
    fetched: tuple[FetchedFile, ...]
    paths: Mapping[str, Origin]
    """All but folders, relative to the root; bytes that are not UTF-8 are in hexadecimal."""
    stages: tuple[BuiltStage, ...] = ()


_read: dict[Path, tuple[Stamp, Origins]] = {}
"""What was read last: each statement about an image asks for it."""


def origins_of(
    entries: Mapping[str, TreeEntry],
    owners: Mapping[str, str],
    makers: Mapping[str, Origin],
    parts: Iterable[PackagePart],
    packages: Sequence[LockedPackage],
    fetched: Sequence[FetchedFile],
) -> Origins:
    """The origins of a finished tree: `owners` are its packages, `makers` who wrote the rest."""
    named = {file.name: Origin(OriginKind.FETCHED, file.name) for file in fetched}
    named |= {package.name: Origin(OriginKind.PACKAGE, package.name) for package in packages}
    named |= {
        name: Origin(OriginKind.BUILT, name.removeprefix(_STAGE))
        for name in set(owners.values())
        if name.startswith(_STAGE)
    }
    ours = {entry.path for part in parts for entry in part.entries[part.shipped :]}
    paths = {}
    for path, entry in entries.items():
        if entry.kind == DIRECTORY:
            continue
        owner = owners.get(path, "")
        origin = makers[path] if not owner else DATABASE if path in ours else named[owner]
        paths[path if path.isascii() else _text(path)] = origin
    return Origins(tuple(replace(one, reasons=()) for one in packages), tuple(fetched), paths)


def _text(path: str) -> str:
    """The path as inventories write it (`inventory.paths`)."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def fetched_files(requests: Iterable[FileRequest], platform: Platform) -> tuple[FetchedFile, ...]:
    """What a definition has fetched for a platform."""
    return tuple(
        FetchedFile(fetched_name(request), _address(request), request.checksum)
        for request in requests
        if request.checksum and (not request.platforms or platform in request.platforms)
    )


def taken(requests: Iterable[ArtifactRequest], platform: Platform) -> tuple[FetchedFile, ...]:
    """What a definition takes out of other images for a platform."""
    return tuple(
        FetchedFile(
            artifact_name(request), f"oci://{request.reference}@{request.digest}", request.digest
        )
        for request in requests
        if not request.platforms or platform in request.platforms
    )


def artifact_name(request: ArtifactRequest) -> str:
    """What files out of another image are called; no package can have this name."""
    return f"{request.reference} ({request.digest})"


def stage_name(stage: BuildStage) -> str:
    """What the outputs of a stage are called; no package can have this name."""
    return f"{_STAGE}{stage.name}"


def built_stages(stages: Iterable[BuildStage], layers: Mapping[str, str]) -> tuple[BuiltStage, ...]:
    """The stages whose layers (diff_id by `stage_name`) are in an image, and what they ran."""
    return tuple(
        BuiltStage(
            stage.name,
            layers[stage_name(stage)],
            tuple((step.name, digest_of(step.runs.encode())) for step in stage.steps),
        )
        for stage in stages
        if stage_name(stage) in layers
    )


def fetched_name(request: FileRequest) -> str:
    """What a fetched file is called; no package can have this name."""
    return f"{posixpath.basename(urlsplit(request.url).path)} ({request.path})"


def _address(request: FileRequest) -> str:
    # Where the definition lies on this machine is nobody's business, and differs on the next.
    local = urlsplit(request.url).scheme in ("", "file")
    return posixpath.basename(urlsplit(request.url).path) if local else request.url


def write_origins(home: Home, manifest: Digest, origins: Origins) -> None:
    """Keep the origins of the image with this manifest."""
    kinds: dict[Origin, int] = {}
    # Thousands of paths have a few dozen origins: each of these is compared by its value once.
    each = {id(origin): origin for origin in origins.paths.values()}
    numbers = {key: kinds.setdefault(origin, len(kinds)) for key, origin in each.items()}
    paths = {path: numbers[id(origin)] for path, origin in origins.paths.items()}
    value = {
        "format": FORMAT,
        "packages": origins.packages,
        "fetched": origins.fetched,
        "stages": origins.stages,
        "origins": list(kinds),
        "paths": paths,
    }
    import msgspec  # late here and below: a build in which nothing changed needs none

    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.json.encode(value))
    replace_file(_path(home, manifest), packed, durable=False)


def read_origins(home: Home, manifest: Digest) -> Origins | None:
    """The origins of an image that was built here; None if none are kept, or damaged ones."""
    import msgspec

    path = _path(home, manifest)
    try:
        known = _read.get(path)
        if known is not None and known[0] == stamp_of(path.stat()):
            return known[1]
        with path.open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            packed = file.read()
        data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MAX_SIZE)
        value = msgspec.json.decode(data)
        if value["format"] != FORMAT:
            return None
        origins = [Origin(OriginKind(kind), name) for kind, name in value["origins"]]
        read = Origins(
            tuple(_converted(value["packages"], LockedPackage)),
            tuple(_converted(value["fetched"], FetchedFile)),
            {path: origins[number] for path, number in value["paths"].items()},
            tuple(_converted(value.get("stages", []), BuiltStage)),
        )
        if len(_read) >= _KEPT:
            _read.clear()
        _read[path] = stamp, read
        return read
    except (OSError, zstandard.ZstdError, msgspec.MsgspecError, ValueError, KeyError, TypeError,
            IndexError, AttributeError):  # fmt: skip
        return None


def _converted(value: Any, kind: type[Value]) -> list[Value]:
    import msgspec

    # What it first learns of a type in several threads at once ends the process.
    with _CONVERTING:
        return msgspec.convert(value, list[kind])  # type: ignore[valid-type]


def _path(home: Home, manifest: Digest) -> Path:
    return home.origins / f"{hex_of(manifest)}.zst"
