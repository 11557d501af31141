"""The image of one platform: from the records of its layers to a manifest in the store.

1. the tree of all layers, and what the packages' scripts would have done to it
2. the static check; nothing goes on if it fails
3. the image's own layer, or one of everything
4. config and manifest
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ironhull.build.assemble import (
    ImageLayer,
    annotations_of,
    config_document,
    labels_of,
    put_manifest,
)
from ironhull.build.built import BuiltPackage, BuiltPlatform
from ironhull.build.check import CheckedImage, check_image
from ironhull.build.check_result import CheckResult
from ironhull.build.compose import own_layer
from ironhull.build.compression import Compression
from ironhull.build.mending import mending
from ironhull.build.origins import built_stages, fetched_files, origins_of, taken, write_origins
from ironhull.build.record import MadeLayer, PackagePart
from ironhull.build.squash import squashed_layer
from ironhull.build.steps import order
from ironhull.build.steps.accounts import run_as
from ironhull.build.steps.context import StepContext
from ironhull.build.steps.ld_cache import library_folders
from ironhull.build.tree import Tree, tree_of
from ironhull.definition.model import BuildStage, ImageDefinition
from ironhull.errors import UnfitImageError
from ironhull.lock.model import Lock, LockedPlatform, ReasonKind
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform
from ironhull.store.home import Home

_LISTED = 25


def put_platform(
    definition: ImageDefinition,
    lock: Lock,
    platform: Platform,
    records: Sequence[MadeLayer],
    compression: Compression,
    home: Home,
) -> tuple[Descriptor, BuiltPlatform]:
    """Store the image of one platform; gives its manifest's descriptor and what was built.

    UnfitImageError, with every problem, if it fails its static check.
    """
    locked = lock.platforms[str(platform)]
    parts = tuple(part for record in records for part in record.parts)
    # 1
    debs: dict[str, Path] = {
        package.name: home.packages.path(package.sha256) for package in locked.packages
    }
    context = StepContext(definition, platform, parts, debs, _requested(locked))
    tree = tree_of(parts, definition.keep.overlaps)
    order.run_steps(tree, context)
    user = run_as(definition.accounts)
    uid, gid = (int(number) for number in user.split(":"))
    # 2
    image = CheckedImage(tree, definition, platform, uid, gid, library_folders(tree, context))
    checks = check_image(image)
    if not all(check.ok for check in checks):
        raise _refused(definition, platform, checks, mending(checks, tree, context.requested))
    # 3
    layers = _layers(definition, lock, records, tree, compression, home)
    # 4
    config = config_document(
        definition, platform, user, layers, lock.created, labels_of(definition)
    )
    annotations = annotations_of(definition, lock.created)
    manifest = put_manifest(home.store, config, layers, platform, annotations)
    fetched = (*fetched_files(definition.files, platform), *taken(definition.artifacts, platform))
    origins = origins_of(
        tree.entries, tree.owner, tree.makers, context.packages, locked.packages, fetched
    )
    made = {part.name: record.diff_id for record in records for part in record.parts}
    origins = replace(origins, stages=built_stages(_on(definition, platform), made))
    write_origins(home, manifest.digest, origins)
    return manifest, BuiltPlatform(
        str(platform),
        manifest.digest,
        sum(layer.descriptor.size for layer in layers),
        sum(layer.uncompressed for layer in layers),
        len(layers),
        checks,
        _packages(locked, parts),
    )


def _on(definition: ImageDefinition, platform: Platform) -> Iterator[BuildStage]:
    for stage in definition.builds:
        if not stage.platforms or platform in stage.platforms:
            yield stage


def _layers(
    definition: ImageDefinition,
    lock: Lock,
    records: Sequence[MadeLayer],
    tree: Tree,
    compression: Compression,
    home: Home,
) -> list[ImageLayer]:
    mtime = int(datetime.fromisoformat(lock.created).timestamp())
    if definition.squashed:
        made = squashed_layer(tree, records, mtime, home.store, compression)
        return [ImageLayer(*made, "all packages and the image's own files")]
    own = own_layer(tree, mtime, compression, home.store.blobs)
    return [*map(_image_layer, records), ImageLayer(*own, "the image's own files")]


def _image_layer(record: MadeLayer) -> ImageLayer:
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


def _refused(
    definition: ImageDefinition,
    platform: Platform,
    checks: Sequence[CheckResult],
    mend: Mapping[str, Sequence[str]],
) -> UnfitImageError:
    head = f"{definition.file}: the image for {platform} fails its check, nothing is published:"
    tail = (
        "delete what is not needed with `paths`, add the package that is missing, or say\n"
        "in `hardening` that the image is meant to have it (build --suggest: the lists whole,\n"
        "and lines for the definition)"
    )
    whole = [head, *_listed(checks, None)]
    message = [head, *_listed(checks, _LISTED), tail]
    return UnfitImageError("\n".join(message), "\n".join(whole), mend)


def _listed(checks: Sequence[CheckResult], most: int | None) -> list[str]:
    """The problems of each check that does not hold, at most so many of each."""
    lines = []
    for check in checks:
        if check.ok:
            continue
        lines.append(f"  {check.name}:")
        lines += [f"    {problem}" for problem in check.problems[:most]]
        if most is not None and len(check.problems) > most:
            lines.append(f"    and {len(check.problems) - most} more")
    return lines
