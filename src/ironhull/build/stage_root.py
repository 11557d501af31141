"""The root folder of a build stage: composed like an image, from locked packages, and unpacked.

No maintainer script runs here either: what compilers and languages need of theirs (links of
alternatives, the cache of libraries, authorities) is written by the same steps as in images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ironhull.build.artifact_layer import artifact_layer
from ironhull.build.assemble import ImageLayer, config_document, put_manifest
from ironhull.build.compose import LayerPlan, group, own_layer
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import Elsewhere
from ironhull.build.fetch import fetch_packages
from ironhull.build.file_layer import file_layer
from ironhull.build.record import MadeLayer
from ironhull.build.steps import order
from ironhull.build.steps.context import StepContext
from ironhull.build.transform import Policy
from ironhull.build.tree import Tree, tree_of
from ironhull.definition.model import BuildStage, ImageDefinition
from ironhull.lock.model import LockedPlatform, ReasonKind
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.store.home import Home
from ironhull.store.rootfs import write_rootfs

_OF_THE_HOST = ("dev/*", "proc/*", "sys/*")
# What no engine looks into: fast to write, and read once.
_QUICK = "zstd:1"
_FOLDERS = ("src", "target", "tmp", "proc", "dev", "root")


@dataclass(frozen=True, slots=True)
class StageMaking:
    """A stage on one platform, and what its root is made with."""

    stage: BuildStage
    of: ImageDefinition
    """The stage as the definition of an image."""
    locked: LockedPlatform
    platform: Platform
    mtime: int
    home: Home
    elsewhere: Elsewhere
    jobs: int
    progress: Progress


def stage_records(making: StageMaking) -> list[MadeLayer]:
    """The layers that the stage stands on: the image that it uses, packages, files, artifacts."""
    home, compression = making.home, Compression.parse(_QUICK)
    parts = {one.name: one.part for one in making.of.packages if one.part}
    plan = LayerPlan(home, Policy(parts=parts), compression, making.elsewhere.layers)
    keys = [plan.need(layer) for layer in group(making.locked.packages)]
    # A complete package database is made of the control files of all packages.
    missing = None if making.stage.complete else frozenset(deb.sha256 for deb in plan.missing)
    packages, progress = making.locked.packages, making.progress
    fetch_packages(packages, missing, home.packages, making.elsewhere.packages, progress)
    plan.make(making.jobs, progress)
    records = [plan.records[key] for key in dict.fromkeys(keys)]
    images = list(making.of.artifacts)
    if making.stage.uses is not None:
        images.insert(0, replace(making.stage.uses, excludes=_OF_THE_HOST))
    records += [
        artifact_layer(
            image,
            making.platform,
            home,
            making.elsewhere.images,
            compression,
            making.elsewhere.layers,
        )
        for image in images
        if not image.platforms or making.platform in image.platforms
    ]
    records += [
        file_layer(request, home, making.elsewhere.download, compression, making.elsewhere.layers)
        for request in making.of.files
        if not request.platforms or making.platform in request.platforms
    ]
    return records


def unpack_stage(making: StageMaking, records: Sequence[MadeLayer], root: Path) -> Tree:
    """Make the folder `root` of these layers; gives the tree that is in it."""
    home, compression = making.home, Compression.parse(_QUICK)
    parts = tuple(part for record in records for part in record.parts)
    # Of what is no package, the later wins: an image below, packages, what is built on them.
    decided = [f"/{entry.path}" for part in parts if not part.fields for entry in part.entries]
    tree = tree_of(parts, decided)
    debs = {str(one.name): home.packages.path(one.sha256) for one in making.locked.packages}
    requested = frozenset(
        str(one.name)
        for one in making.locked.packages
        if any(reason.kind is ReasonKind.REQUESTED for reason in one.reasons)
    )
    order.run_steps(tree, StepContext(making.of, making.platform, parts, debs, requested))
    _make_folders(tree, making.stage)
    own = own_layer(tree, making.mtime, compression, home.store.blobs)
    layers = [ImageLayer(one.descriptor, one.diff_id, one.uncompressed, "") for one in records]
    layers.append(ImageLayer(*own, ""))
    config = config_document(making.of, making.platform, "0:0", layers, "1970-01-01T00:00:00Z", {})
    manifest = put_manifest(home.store, config, layers, making.platform, {})
    write_rootfs(home.store, manifest, root)
    return tree


def _make_folders(tree: Tree, stage: BuildStage) -> None:
    """Where steps work and fill caches; made before anything runs that could lead elsewhere."""
    wanted = [*_FOLDERS, *(path.lstrip("/") for path in stage.caches)]
    for path in (*wanted, *(step.work_dir.lstrip("/") for step in stage.steps)):
        if path and tree.resolve(path) is None:
            tree.put_directory(path, 0o1777 if path == "tmp" else 0o755)
