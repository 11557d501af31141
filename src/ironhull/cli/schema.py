"""`ironhull schema`: what an editor or a person needs to write definitions."""

from __future__ import annotations

import click

from ironhull.cli.output import print_json
from ironhull.definition.schema import json_schema, reference


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema (2020-12) for editors, or the reference of all keys.",
)
def schema(form: str) -> None:
    r"""Print the format of image definitions.

    \b
    Example: let an editor check definitions while they are written
      ironhull schema > definition.schema.json
      # first line of a definition:
      # yaml-language-server: $schema=definition.schema.json
    """
    if form == "json":
        print_json(json_schema())
    else:
        click.echo(reference(), nl=False)
