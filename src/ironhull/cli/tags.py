"""`ironhull tags`: the tags of a repository."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.workspace.publishing import tags as tags_of


@click.command(short_help="List the tags of a repository.")
@click.argument("reference", metavar="REF")
@registry_options
@as_json
def tags(reference: str, plain_http: bool, ca: Path | None, quiet: bool, as_json: bool) -> None:
    """List the tags of a repository, one a line. A tag in REF is not looked at.

    Example: ironhull tags localhost:5000/node
    """
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        repository, found = tags_of(machine, reference)
    if as_json:
        print_json({"repository": repository, "tags": found})
    else:
        click.echo("".join(f"{tag}\n" for tag in found), nl=False)
