"""`ironhull customize`: an image of the catalog, with what a company adds to it."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.output import pairs
from ironhull.workspace.drafting import CustomChoices
from ironhull.workspace.drafting import customize as customize_here


@click.command(short_help="Derive a definition: packages, authorities, variables.")
@click.argument("original", metavar="NAME:TAG")
@click.option("--as", "image", required=True, metavar="NAME", help="The new image's name.")
@click.option(
    "--add", "packages", multiple=True, metavar="PACKAGE", help="Of Debian; may be repeated."
)
@click.option(
    "--ca",
    "authorities",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Authorities to trust (PEM), also for Java; may be repeated.",
)
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="An environment variable.")
def customize(
    original: str,
    image: str,
    packages: tuple[str, ...],
    authorities: tuple[Path, ...],
    env: tuple[str, ...],
) -> None:
    r"""Write a definition that is another one of the catalog, and what is different in it.

    The original stays what it is, and what changes in it later changes in the new one too; one of
    another folder than the first of the catalog is copied. Build the new one like any other;
    `ironhull build --suggest` says what a package brings that it must not.

    \b
    Example:
      ironhull customize node:20 --as company-node --ca corporate.pem --env TZ=Europe/Paris
    """
    chosen = CustomChoices(packages, pairs(env, "--env"), authorities)
    with opened() as machine:
        path = customize_here(machine, original, image, chosen)
    click.echo(f"{path}: build it with ironhull build {image}:{path.stem}")
