"""`ironhull pull`: an image from a registry into the own store."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import report, summary
from ironhull.workspace.publishing import pull as pull_image


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
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        pulled = pull_image(
            machine, reference, platform=given_platform(platform), with_referrers=referrers
        )
    if as_json:
        print_json({"name": pulled.name, **report(pulled.done)})
    else:
        click.echo(f"{pulled.name}: {summary(pulled.done)}")
