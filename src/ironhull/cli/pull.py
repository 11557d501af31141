"""`ironhull pull`: an image from a registry into the own store."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import (
    parse_platform,
    registries,
    registry_options,
    report,
    summary,
)
from ironhull.oci.reference import Reference
from ironhull.registry.client.locations import registry_source
from ironhull.registry.client.places import LayoutTarget
from ironhull.registry.client.transfer import transfer


@click.command(short_help="Bring an image from a registry into the store.")
@click.argument("reference", metavar="REF")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform of the image.")
@click.option("--referrers", is_flag=True, help="SBOMs, signatures and other attestations too.")
@registry_options
@as_json
def pull(
    reference: str,
    platform: str | None,
    referrers: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring an image from a registry into the store, under its full name.

    All platforms unless one is named. Short names mean Docker Hub. What the store has already is
    not fetched again.

    Example: ironhull pull localhost:5000/node:20 --platform linux/amd64
    """
    wanted, only = Reference.parse(reference), parse_platform(platform)
    with registries(plain_http, ca, quiet or as_json) as (machine, opened):
        done = transfer(
            registry_source(wanted, opened),
            LayoutTarget(machine.home.store, [str(wanted)], "store"),
            platform=only,
            with_referrers=referrers,
            progress=opened.progress,
            stop=opened.stop,
        )
    if as_json:
        print_json({"name": str(wanted), **report(done)})
    else:
        click.echo(f"{wanted}: {summary(done)}")
