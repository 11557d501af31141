"""`ironhull export`: an image of the store as one file, or as its file tree."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import click

from ironhull.cli.engines import ended_by_signals
from ironhull.cli.machine import silent
from ironhull.cli.options import given_platform, platform_option
from ironhull.cli.output import progress
from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform
from ironhull.reports.words import shown_size
from ironhull.store.export import (
    choose_manifest,
    whole_file,
    write_docker_archive,
    write_oci_archive,
)
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs
from ironhull.workspace.engines import engine_name_of
from ironhull.workspace.images import stored

_SHOWN = 10


@click.command()
@click.argument("image", metavar="NAME:TAG")
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice(["oci-archive", "docker-archive", "rootfs"]),
    help="oci-archive: all platforms, as built. docker-archive: for any docker. rootfs: the files.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The file, or - for standard output; rootfs: a name in .tar, else a new folder.",
)
@click.option("--as", "name", metavar="NAME:TAG", help="Name in the archive, else NAME:TAG.")
@platform_option
def export(image: str, kind: str, output: Path, name: str | None, platform: str | None) -> None:
    r"""Write a built image to a file that other tools read; nothing half-written stays.

    \b
    Examples:
      ironhull export node:20 --format oci-archive -o node.tar
      ironhull export node:20 --format docker-archive -o - | docker load
      ironhull export node:20 --format rootfs --platform linux/arm64 -o ./rootfs
    """
    layout = silent().home.store
    found = stored(layout, image)
    named = engine_name_of(name or f"localhost/{image}")
    with ended_by_signals():
        if kind == "rootfs":
            _rootfs(layout, choose_manifest(layout, found, given_platform(platform)), output)
        else:
            _archive(_writer(layout, found, kind, named, given_platform(platform)), output)


def _writer(
    layout: ImageLayout, found: Descriptor, kind: str, name: str, platform: Platform | None
) -> Callable[[BinaryIO], None]:
    if kind == "docker-archive":
        manifest = choose_manifest(layout, found, platform)
        return lambda file: write_docker_archive(layout, manifest, [name], file)
    whole = found if platform is None else choose_manifest(layout, found, platform)
    return lambda file: write_oci_archive(layout, whole, name, file)


def _archive(write: Callable[[BinaryIO], None], output: Path) -> None:
    with progress() as shown:
        advance = shown.start(f"writing {output}", None, "bytes")
        if str(output) != "-":
            with whole_file(output) as file:
                write(cast("BinaryIO", _Counted(file, advance)))
            shown.note(f"{output}: {shown_size(output.stat().st_size)}")
            return
        if sys.stdout.isatty():
            raise InputError("an archive is not for a terminal: redirect the output, or -o FILE")
        write(cast("BinaryIO", _Counted(sys.stdout.buffer, advance)))
        sys.stdout.buffer.flush()


def _rootfs(layout: ImageLayout, manifest: Descriptor, output: Path) -> None:
    with progress() as shown:
        if str(output) == "-":
            raise InputError("a rootfs is written to a folder or a file (-o PATH)")
        summary = write_rootfs(layout, manifest, output)
        shown.note(f"{output}: {summary.entries} entries, {shown_size(summary.size)}")
        for line in summary.skipped[:_SHOWN]:
            shown.note(f"left out: {line}")
        if len(summary.skipped) > _SHOWN:
            shown.note(f"left out: {len(summary.skipped) - _SHOWN} more")


class _Counted:
    """A file that tells how much was written to it."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def write(self, data: bytes) -> int:
        self._advance(len(data))
        return self._file.write(data)
