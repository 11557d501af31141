"""`ironhull sources`: the source packages of an image in one archive."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.reports.words import shown_size, tally
from ironhull.store.export import whole_file
from ironhull.workspace.sources import fetch_sources, write_archive


@click.command(short_help="Write the source packages of an image to an archive.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The tar to write.",
)
@platform_option
@registry_options
def sources(
    image: str,
    output: Path,
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
) -> None:
    """Write all source packages that the Debian packages of IMAGE were built from into one tar.

    The versions are those that the image has. Each .dsc and its files come from the archive that
    the image's packages come from, checked by the digests of its signed index; what is there from
    an earlier run is not fetched again. Whoever gives an image away owes these to many licences.

    Example: ironhull sources node:20 -o node-20-sources.tar
    """
    with opened(quiet, plain_http=plain_http, ca=ca) as machine:
        found = fetch_sources(machine, image, given_platform(platform))
        with whole_file(output) as file:
            size = write_archive(machine, found, file)
        others = (
            f"; sources of {tally(found.others, 'other')} are not known" if found.others else ""
        )
        machine.progress.note(
            f"{output}: {tally(found.packages, 'source package')}, {tally(found.files, 'file')},"
            f" {shown_size(size)}{others}"
        )
