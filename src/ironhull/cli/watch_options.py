"""Options that the verbs of watching share."""

from __future__ import annotations

from pathlib import Path

import click

state_option = click.option(
    "--state",
    metavar="URL",
    help="sqlite:////FILE or postgresql://…  [default: a file in the home]",
)
policy_option = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What a watcher may do by itself (TOML).",
)


def _a_place(context: click.Context, option: click.Parameter, value: str | None) -> str:
    """An empty variable of a script shall not mean the own store."""
    if value == "":
        raise click.BadParameter("it names no registry (leave it out for the own store)")
    return value or ""


publish_option = click.option(
    "--publish",
    callback=_a_place,
    metavar="REGISTRY[/PREFIX]",
    help="Where images are published.  [default: the own store alone]",
)
