"""`ironhull inventory`: what is in an image."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.cli.output import print_document, print_json, print_lines
from ironhull.inventory.accept import accept
from ironhull.inventory.document import to_json
from ironhull.inventory.report import inventory_lines
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.make import bill_of
from ironhull.sbom.spdx import spdx
from ironhull.workspace.examining import inventory as take_inventory


@click.command(short_help="Show what is in any image.")
@click.argument("image", metavar="IMAGE")
@click.option("--json", "form", flag_value="json", help="Print everything as JSON.")
@click.option(
    "--cyclonedx", "form", flag_value="cyclonedx", help="Print a CycloneDX 1.6 SBOM, without files."
)
@click.option("--spdx", "form", flag_value="spdx", help="Print an SPDX 2.3 SBOM, without files.")
@click.option("--again", is_flag=True, help="Read the image and its layers even if they are known.")
@click.option(
    "--accept-unreadable",
    multiple=True,
    metavar="GLOB",
    help="Take files that cannot be read and match for looked at; * matches slashes too.",
)
@platform_option
@registry_options
def inventory(
    image: str,
    form: str | None,
    again: bool,
    accept_unreadable: tuple[str, ...],
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
) -> None:
    """Show packages, accounts, configuration and attack surface of IMAGE.

    IMAGE is NAME:TAG of the store, a registry's reference, an OCI layout's folder, an archive, the
    folder or tar of a root file system, podman:NAME or docker-daemon:NAME. Nothing of it is
    executed.

    Example: ironhull inventory localhost:5000/node:20 --cyclonedx
    """
    with opened(quiet or form is not None, plain_http=plain_http, ca=ca) as machine:
        found = take_inventory(machine, image, given_platform(platform), again=again)
    found = accept(found, accept_unreadable)
    match form:
        case "json":
            print_json(to_json(found))
        case "cyclonedx":
            print_document(cyclonedx(bill_of(found)))
        case "spdx":
            print_document(spdx(bill_of(found)))
        case _:
            print_lines(inventory_lines(found))
