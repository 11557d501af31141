"""From a definition and its lock to a published image: fetch, compose, check, assemble, publish.

Everything is a function of the definition, the lock and the options; what was made is found again
by the key of what went into it, so that a build in which nothing changed only looks things up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ironhull import __version__
from ironhull.archive.fetch import Download
from ironhull.archive.interface import PackageSource, Wanted
from ironhull.build import transform
from ironhull.build.assemble import (
    ImageLayer,
    annotations_of,
    config_document,
    labels_of,
    put_index,
    put_manifest,
)
from ironhull.build.check import CheckResult, Subject, check_image
from ironhull.build.compose import LayerPlan, deb_sources, group, own_layer
from ironhull.build.file_layer import file_layer
from ironhull.build.layer import Compression
from ironhull.build.record import LayerRecord, PackagePart
from ironhull.build.squash import squashed_layer
from ironhull.build.steps import order
from ironhull.build.steps.accounts import run_as
from ironhull.build.steps.context import StepContext
from ironhull.build.steps.ld_cache import library_folders
from ironhull.build.tree import tree_of
from ironhull.definition.model import ImageDefinition
from ironhull.errors import CheckFailedError, EnvironmentProblem, InputError
from ironhull.lock.file import render_lock
from ironhull.lock.model import Lock, LockedPlatform, ReasonKind
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.store.files import replace_file
from ironhull.store.home import Home
from ironhull.store.layout import REF_NAME, ImageLayout

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class BuildOptions:
    compression: Compression
    platforms: tuple[Platform, ...]
    """In the definition's order."""
    jobs: int = 2


class BuiltPackage(NamedTuple):
    """A binary package in an image; `size` is the bytes of its files there."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    size: int


@dataclass(frozen=True, slots=True)
class BuiltPlatform:
    platform: str
    digest: Digest
    compressed_size: int
    """Bytes of all layers as they are pulled."""
    size: int
    """Bytes of all layers' tars."""
    layers: int
    checks: tuple[CheckResult, ...]
    packages: tuple[BuiltPackage, ...]


@dataclass(frozen=True, slots=True)
class BuiltImage:
    name: str
    tags: tuple[str, ...]
    descriptor: Descriptor
    platforms: tuple[BuiltPlatform, ...]
    definition: str
    layers_made: int = field(default=0, compare=False)
    layers_reused: int = field(default=0, compare=False)


def build_image(
    definition: ImageDefinition,
    lock: Lock,
    home: Home,
    source: PackageSource,
    download: Download,
    options: BuildOptions,
    progress: Progress,
) -> BuiltImage:
    """Build every platform and publish the index under the definition's tags.

    CheckFailedError if a check fails: nothing is published then, the layers that were made stay.
    """
    key = image_key(definition, lock, options)
    for _ in range(_ATTEMPTS):
        known = built_image(home, key)
        if known is None or not _whole(home.store, known):
            build = _Build(definition, lock, home, source, download, options, progress)
            known = build.run()
            _remember(home, key, known)
        # A clean-up in another process may have come in between; under the lock none does.
        with suppress(_VanishedError):
            return _publish(home.store, known, definition, lock)
    raise EnvironmentProblem(
        f"layers of {definition.image} vanish from {home.root} while they are used "
        "(does something remove files there? build again when it is done)"
    )


def image_key(definition: ImageDefinition, lock: Lock, options: BuildOptions) -> str:
    """64 hexadecimal digits that name the result before it is made."""
    value = {
        "ironhull": __version__,
        "transform": transform.VERSION,
        "steps": order.VERSION,
        "definition": definition.digest,
        "lock": hashlib.sha256(render_lock(lock)).hexdigest(),
        "compression": options.compression.identity,
        "platforms": [str(platform) for platform in options.platforms],
    }
    return hashlib.sha256(canonical(value)).hexdigest()


class _Build:
    def __init__(
        self,
        definition: ImageDefinition,
        lock: Lock,
        home: Home,
        source: PackageSource,
        download: Download,
        options: BuildOptions,
        progress: Progress,
    ) -> None:
        self._definition = definition
        self._lock = lock
        self._home = home
        self._source = source
        self._download = download
        self._options = options
        self._progress = progress
        self._blobs = home.store.blobs
        policy = transform.Policy(
            definition.keep.documentation, tuple(sorted(definition.keep.setuid))
        )
        self._plan = LayerPlan(home, policy, options.compression)
        self._version = lock.variables.get("VERSION") or next(iter(lock.variables.values()), "")

    def run(self) -> BuiltImage:
        needed: dict[Platform, list[str]] = {}
        for platform in self._options.platforms:
            groups = group(self._locked(platform).packages)
            sources = [deb_sources(packages, self._home) for packages in groups]
            needed[platform] = [self._plan.need(debs) for debs in sources]
        total = len({key for keys in needed.values() for key in keys})
        self._fetch()
        made = self._plan.make(self._options.jobs, self._progress)
        built = [self._platform(platform, keys) for platform, keys in needed.items()]
        annotations = annotations_of(self._definition, self._version, self._lock.created)
        index = put_index(self._blobs, [descriptor for descriptor, _ in built], annotations)
        return BuiltImage(
            self._definition.image,
            self._definition.tags,
            index,
            tuple(platform for _, platform in built),
            str(self._definition.file),
            made,
            total - made,
        )

    def _locked(self, platform: Platform) -> LockedPlatform:
        locked = self._lock.platforms.get(str(platform))
        if locked is None:
            raise InputError(f"the lock of {self._definition.file} has no platform {platform}")
        return locked

    def _fetch(self) -> None:
        """Have the packages whose layers are missing, or whose control files are needed."""
        missing = {deb.sha256 for deb in self._plan.missing}
        everything = self._definition.keep.package_database == "dpkg"
        wanted = {
            package.sha256: Wanted(
                package.name,
                package.version,
                package.architecture,
                package.sha256,
                package.size,
                package.path,
                package.repository,
            )
            for platform in self._options.platforms
            for package in self._locked(platform).packages
            if everything or package.sha256 in missing
        }
        absent = [
            item
            for digest, item in wanted.items()
            if not self._home.packages.has(digest, item.size)
        ]
        if absent:
            self._source.fetch(absent, self._progress)

    def _platform(self, platform: Platform, keys: list[str]) -> tuple[Descriptor, BuiltPlatform]:
        definition, compression = self._definition, self._options.compression
        records = [self._plan.records[key] for key in dict.fromkeys(keys)]
        records += [
            file_layer(request, self._home, self._download, compression)
            for request in definition.files
            if not request.platforms or platform in request.platforms
        ]
        parts = tuple(part for record in records for part in record.parts)
        locked = self._locked(platform)
        context = StepContext(
            definition,
            platform,
            parts,
            {deb.name: deb.path for deb in deb_sources(locked.packages, self._home)},
            _requested(locked),
        )
        tree = tree_of(parts, definition.keep.overlaps)
        order.run_steps(tree, context)
        user = run_as(definition.accounts)
        uid, gid = (int(number) for number in user.split(":"))
        checks = check_image(
            Subject(tree, definition, platform, uid, gid, library_folders(tree, context))
        )
        _refuse(definition, platform, checks)
        mtime = int(datetime.fromisoformat(self._lock.created).timestamp())
        if definition.squashed:
            made = squashed_layer(tree, records, mtime, self._home.store, compression)
            layers = [ImageLayer(*made, "all packages and the image's own files")]
        else:
            own = own_layer(tree, mtime, compression, self._blobs)
            layers = [*map(_image_layer, records), ImageLayer(*own, "the image's own files")]
        labels = labels_of(definition, self._version)
        config = config_document(definition, platform, user, layers, self._lock.created, labels)
        annotations = annotations_of(definition, self._version, self._lock.created)
        manifest = put_manifest(self._blobs, config, layers, platform, annotations)
        return manifest, BuiltPlatform(
            str(platform),
            manifest.digest,
            sum(layer.descriptor.size for layer in layers),
            sum(layer.uncompressed for layer in layers),
            len(layers),
            checks,
            _packages(locked, parts),
        )


def _image_layer(record: LayerRecord) -> ImageLayer:
    names = [f"{part.name} {part.version}".strip() for part in record.parts]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return ImageLayer(record.descriptor, record.diff_id, record.uncompressed, listed)


def _packages(locked: LockedPlatform, parts: Sequence[PackagePart]) -> tuple[BuiltPackage, ...]:
    sizes = {part.name: sum(entry.size for entry in part.entries) for part in parts}
    return tuple(
        BuiltPackage(
            package.name,
            package.version,
            package.architecture,
            package.source,
            package.source_version,
            sizes[package.name],
        )
        for package in locked.packages
    )


def _requested(locked: LockedPlatform) -> frozenset[str]:
    return frozenset(
        package.name
        for package in locked.packages
        if any(reason.kind is ReasonKind.REQUESTED for reason in package.reasons)
    )


def _refuse(definition: ImageDefinition, platform: Platform, checks: Sequence[CheckResult]) -> None:
    failed = [check for check in checks if not check.ok]
    if not failed:
        return
    lines = [f"{definition.file}: the image for {platform} fails its check, nothing is published:"]
    for check in failed:
        lines.append(f"  {check.name}:")
        lines += [f"    {problem}" for problem in check.problems[:25]]
        if len(check.problems) > 25:
            lines.append(f"    and {len(check.problems) - 25} more")
    lines.append("delete what is not needed with `paths`, add the package that is missing, or say")
    lines.append("in `hardening` that the image is meant to have it")
    raise CheckFailedError("\n".join(lines))


def _publish(
    layout: ImageLayout, image: BuiltImage, definition: ImageDefinition, lock: Lock
) -> BuiltImage:
    """Let the tags, and the immutable tag of the lock's day, point at the index."""
    day = lock.created[:10].replace("-", "")
    stem = max(definition.tags, key=len)
    tags: list[str] = []

    def change(before: list[Descriptor]) -> list[Descriptor]:
        if not _whole(layout, image):
            raise _VanishedError
        digests = {item.annotations.get(REF_NAME): item.digest for item in before}
        serial = 1
        while True:
            dated = f"{stem}-{day}.{serial}"
            found = digests.get(f"{image.name}:{dated}")
            if found in (None, image.descriptor.digest):
                break
            serial += 1
        tags[:] = [*definition.tags, dated]
        names = [f"{image.name}:{tag}" for tag in tags]
        kept = [item for item in before if item.annotations.get(REF_NAME) not in names]
        index = image.descriptor
        return kept + [
            Descriptor(index.media_type, index.digest, index.size, {REF_NAME: name})
            for name in names
        ]

    layout.update(change)
    return BuiltImage(
        image.name,
        tuple(tags),
        image.descriptor,
        image.platforms,
        image.definition,
        image.layers_made,
        image.layers_reused,
    )


def _remember(home: Home, key: str, image: BuiltImage) -> None:
    value = {
        "name": image.name,
        "tags": list(image.tags),
        "index": image.descriptor.json(),
        "definition": image.definition,
        "platforms": [
            {
                "platform": built.platform,
                "digest": built.digest,
                "compressed_size": built.compressed_size,
                "size": built.size,
                "layers": built.layers,
                "packages": built.packages,
                "checks": [
                    [check.name, check.looked_at, list(check.problems)] for check in built.checks
                ],
            }
            for built in image.platforms
        ],
    }
    raw = json.dumps(value).encode()
    for name in (key, hex_of(image.descriptor.digest)):
        replace_file(home.images / f"{name}.json", raw, durable=False)


class _VanishedError(Exception):
    """Something of the image was removed after it was made."""


def _whole(layout: ImageLayout, image: BuiltImage) -> bool:
    """Whether all of an image is in the store."""
    try:
        return all(
            layout.blobs.has(item.digest, item.size) for item in layout.walk(image.descriptor)
        )
    except InputError:
        return False


def built_image(home: Home, key: str) -> BuiltImage | None:
    """What is remembered of an image, by its key or by the hexadecimal digits of its digest."""
    try:
        return _read_built(json.loads((home.images / f"{key}.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def _read_built(value: dict[str, Any]) -> BuiltImage:
    platforms = tuple(
        BuiltPlatform(
            item["platform"],
            item["digest"],
            item["compressed_size"],
            item["size"],
            item["layers"],
            tuple(
                CheckResult(name, item["platform"], count, tuple(problems))
                for name, count, problems in item["checks"]
            ),
            tuple(BuiltPackage(*package) for package in item["packages"]),
        )
        for item in value["platforms"]
    )
    return BuiltImage(
        value["name"],
        tuple(value["tags"]),
        Descriptor.from_json(value["index"]),
        platforms,
        value["definition"],
        0,
        sum(built.layers for built in platforms),
    )
