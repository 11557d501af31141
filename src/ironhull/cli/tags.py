"""`ironhull tags`: the tags of a repository."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import registries, registry_options
from ironhull.oci.reference import Reference


@click.command(short_help="List the tags of a repository.")
@click.argument("reference", metavar="REF")
@registry_options
@as_json
def tags(reference: str, plain_http: bool, ca: Path | None, quiet: bool, as_json: bool) -> None:
    """List the tags of a repository, one a line. A tag in REF is not looked at.

    Example: ironhull tags localhost:5000/node
    """
    with registries(plain_http, ca, quiet or as_json) as (_, opened):
        repository = opened.repository(Reference.parse(reference))
        found = repository.tags()
    if as_json:
        print_json({"repository": str(repository), "tags": found})
    else:
        click.echo("".join(f"{tag}\n" for tag in found), nl=False)
