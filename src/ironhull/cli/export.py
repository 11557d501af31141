"""`ironhull export`: an image of the store as one file, or as its file tree."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import click

from ironhull.cli.machine import silent
from ironhull.cli.options import platforms_option
from ironhull.cli.output import progress
from ironhull.cli.signals import ended_by_signals
from ironhull.errors import InputError
from ironhull.oci.platform import Platform
from ironhull.reports.words import shown_size, tally
from ironhull.store.export import whole_file
from ironhull.workspace.exporting import archive_writer, export_files
from ironhull.workspace.machine import Machine

_SHOWN = 10


@click.command()
@click.argument("image", metavar="NAME:TAG")
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice(["oci-archive", "docker-archive", "rootfs"]),
    help="oci-archive: all platforms, or some. docker-archive: for any docker. rootfs: the files.",
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
@platforms_option
def export(
    image: str, kind: str, output: Path, name: str | None, platforms: tuple[str, ...]
) -> None:
    r"""Write a built image to a file that other tools read; nothing half-written stays.

    An OCI archive holds all platforms, or those of --platform. One image alone stands in it
    without an index around: there are tools that cannot read an index in an archive.

    \b
    Examples:
      ironhull export node:20 --format oci-archive -o node.tar
      ironhull export node:20 --format oci-archive --platform linux/amd64 -o node-amd64.tar
      ironhull export node:20 --format docker-archive -o - | docker load
      ironhull export node:20 --format rootfs --platform linux/arm64 -o ./rootfs
    """
    wanted, machine = Platform.parse_all(platforms), silent()
    with ended_by_signals():
        if kind == "rootfs":
            _rootfs(machine, image, output, wanted)
        else:
            write = archive_writer(machine, image, kind, name=name, platforms=wanted)
            _archive(write, output)


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


def _rootfs(machine: Machine, image: str, output: Path, platforms: tuple[Platform, ...]) -> None:
    with progress() as shown:
        if str(output) == "-":
            raise InputError("a rootfs is written to a folder or a file (-o PATH)")
        summary = export_files(machine, image, output, platforms=platforms)
        shown.note(
            f"{output}: {tally(summary.entries, 'entry', 'entries')}, {shown_size(summary.size)}"
        )
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
