"""`ironhull sbom`: the bill of materials of an image."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.cli.output import print_document, write_file
from ironhull.workspace.sbom import FORMATS
from ironhull.workspace.sbom import sbom as sbom_of


@click.command(short_help="Write the bill of materials of any image.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="CycloneDX 1.6, SPDX 2.3, or CycloneDX 1.5 for older tools.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file."
)
@platform_option
@registry_options
def sbom(
    image: str,
    form: str,
    output: Path | None,
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
) -> None:
    """Write which packages IMAGE holds, and whose each of its files is.

    IMAGE is what `ironhull inventory` takes. Packages come with licences, source packages, digests
    and what they need; each file with SHA-1 and SHA-256 belongs to a package or to what else
    brought it. What an image does not tell is said to be unknown. Equal images give equal bytes.

    Example: ironhull sbom node:20 --format spdx -o node.spdx.json
    """
    with opened(quiet, plain_http=plain_http, ca=ca) as machine:
        document = sbom_of(machine, image, form, given_platform(platform))
    if output is None:
        print_document(document)
    else:
        write_file(output, document)
