"""An image of the store as one file that other tools read, or as its merged files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.media_types import MANIFESTS
from ironhull.oci.platform import Platform
from ironhull.registry.client.choose import choose
from ironhull.registry.client.places import StoredSource
from ironhull.store.choice import choose_manifest
from ironhull.store.export import whole_file, write_docker_archive, write_oci_archive
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import RootfsSummary, write_rootfs
from ironhull.workspace.engines import engine_name_of
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine

Write = Callable[[BinaryIO], None]


def export(
    machine: Machine,
    image: str,
    output: Path,
    kind: str = "oci-archive",
    *,
    name: str | None = None,
    platforms: Sequence[Platform] = (),
) -> None:
    """Write an image to a file, whole or not at all, as `archive_writer` has it."""
    write = archive_writer(machine, image, kind, name=name, platforms=platforms)
    with whole_file(output) as file:
        write(file)


def archive_writer(
    machine: Machine,
    image: str,
    kind: str,
    *,
    name: str | None = None,
    platforms: Sequence[Platform] = (),
) -> Write:
    """What writes an image as an `oci-archive` (of all platforms unless some are named).

    One image alone stands in it without an index around, which some tools cannot read; or as a
    `docker-archive`, of one platform. `name` is what it is called in there, else localhost/`image`.
    """
    layout = machine.home.store
    found = stored(layout, image)
    named = engine_name_of(name or f"localhost/{image}")
    if kind == "docker-archive":
        manifest = choose_manifest(layout, found, one_platform(platforms, "a docker-archive"))
        return lambda file: write_docker_archive(layout, manifest, [named], file)
    if len(platforms) == 1:
        return _oci(layout, choose_manifest(layout, found, platforms[0]), named)
    source = StoredSource(layout, found, image)
    root = choose(source, source.root(), platforms)
    if root.is_index and len(root.manifests) == 1 and root.manifests[0].media_type in MANIFESTS:
        return _oci(layout, root.manifests[0], named)
    if root.digest == found.digest:
        return _oci(layout, found, named)
    made = root if root.is_index else None
    return lambda file: write_oci_archive(layout, root.descriptor(), named, file, made=made)


def _oci(layout: ImageLayout, descriptor: Descriptor, name: str) -> Write:
    return lambda file: write_oci_archive(layout, descriptor, name, file)


def export_files(
    machine: Machine, image: str, output: Path, *, platforms: Sequence[Platform] = ()
) -> RootfsSummary:
    """Write the merged files of an image into a new folder, or into a tar by its name."""
    layout = machine.home.store
    platform = one_platform(platforms, "a rootfs")
    return write_rootfs(layout, choose_manifest(layout, stored(layout, image), platform), output)


def one_platform(platforms: Sequence[Platform], what: str) -> Platform | None:
    """The platform that is named; None if none is. InputError if there are several."""
    if len(platforms) > 1:
        raise InputError(f"{what} is of one platform (got {', '.join(map(str, platforms))})")
    return platforms[0] if platforms else None
