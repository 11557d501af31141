"""`ironhull pull`: an image from a registry into the own store."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import report, summary
from ironhull.oci.platform import Platform
from ironhull.workspace.publishing import pull as pull_image


@click.command(short_help="Bring an image from a registry into the store.")
@click.argument("reference", metavar="REF")
@platforms_option
@click.option(
    "--referrers/--no-referrers",
    help="SBOMs, signatures and other attestations too; without it they stay where they are.",
)
@registry_options
@as_json
def pull(
    reference: str,
    platforms: tuple[str, ...],
    referrers: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring an image from a registry into the store, under its full name.

    All platforms unless some are named. Short names mean Docker Hub. What the store has already is
    not fetched again.

    Example: ironhull pull localhost:5000/node:20 --platform linux/arm64
    """
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        pulled = pull_image(
            machine, reference, platforms=Platform.parse_all(platforms), with_referrers=referrers
        )
    if as_json:
        print_json({"name": pulled.name, **report(pulled.done)})
    else:
        click.echo(f"{pulled.name}: {summary(pulled.done)}")
