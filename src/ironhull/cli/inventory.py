"""`ironhull inventory`: what is in an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.cli.output import print_json, table
from ironhull.inventory.cyclonedx import cyclonedx
from ironhull.inventory.document import to_json
from ironhull.inventory.model import SURFACE_LISTS, Inventory
from ironhull.inventory.spdx import spdx
from ironhull.reports.text import harmless
from ironhull.reports.words import shown_size
from ironhull.workspace.examining import inventory as take_inventory

_SHOWN = 6


@click.command(short_help="Show what is in any image.")
@click.argument("image", metavar="IMAGE")
@click.option("--json", "form", flag_value="json", help="Print everything as JSON.")
@click.option("--cyclonedx", "form", flag_value="cyclonedx", help="Print a CycloneDX 1.6 SBOM.")
@click.option("--spdx", "form", flag_value="spdx", help="Print an SPDX 2.3 SBOM.")
@click.option("--again", is_flag=True, help="Read the image and its layers even if they are known.")
@platform_option
@registry_options
def inventory(
    image: str,
    form: str | None,
    again: bool,
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
) -> None:
    """Show packages, accounts, configuration and attack surface of IMAGE.

    IMAGE is NAME:TAG of the store, a registry's reference, an OCI layout's folder, an archive, the
    folder of a root file system, podman:NAME or docker-daemon:NAME. Nothing of it is executed.

    Example: ironhull inventory localhost:5000/node:20 --cyclonedx
    """
    with opened(quiet or form is not None, plain_http=plain_http, ca=ca) as machine:
        found = take_inventory(machine, image, given_platform(platform), again=again)
    match form:
        case "json":
            print_json(to_json(found))
        case "cyclonedx":
            print_json(cyclonedx(found))
        case "spdx":
            print_json(spdx(found))
        case _:
            click.echo(_report(found))


def _report(found: Inventory) -> str:
    rows = [
        [
            package.name,
            package.version,
            package.type,
            package.source if package.is_distribution else package.location,
            package.owned_by,
        ]
        for package in found.packages
    ]
    lines = [f"{label + ':':<18}{text}" for label, text in _summary(found)]
    if rows:
        heads = ["PACKAGE", "VERSION", "TYPE", "SOURCE OR LOCATION", "OWNED BY"]
        lines += ["", table(heads, rows)]
    return "\n".join(lines)


def _summary(found: Inventory) -> Iterator[tuple[str, str]]:
    image, surface = found.image, found.surface
    yield "image", harmless(image.name)
    if image.manifest or image.config:
        yield "digest", image.manifest or str(image.config)
    if image.platform:
        yield "platform", harmless(str(image.platform))
    distribution = found.distribution
    yield (
        "distribution",
        harmless(distribution.pretty_name or distribution.label)
        if distribution.known
        else f"unknown: {harmless(distribution.reason)}",
    )
    if found.layers:
        stored = sum(layer.size for layer in found.layers)
        yield "layers", f"{len(found.layers)}, {shown_size(stored)} stored"
    yield (
        "files",
        f"{surface.files}, {shown_size(surface.size)}"
        + (f" ({shown_size(found.wasted)} more in hidden copies)" if found.wasted else ""),
    )
    if found.layers:
        yield "user", harmless(found.config.user or "root (none is set)")
    counts = Counter(package.type for package in found.packages)
    yield "packages", ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "none"
    for name in SURFACE_LISTS:
        paths = [finding.path for finding in getattr(surface, name)]
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            yield name.replace("_", " "), harmless(", ".join(paths[:_SHOWN])) + more
    if found.unparsed:
        yield "not read", f"{len(found.unparsed)} (packages may be missing)"
    for remark in found.remarks[:20]:
        yield remark.kind, harmless(f"{remark.location}: {remark.message}")
