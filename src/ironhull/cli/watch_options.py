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
publish_option = click.option(
    "--publish",
    default="",
    metavar="REGISTRY[/PREFIX]",
    help="Where images are published.  [default: the own store alone]",
)
