"""The options of the verbs that use a container engine."""

from __future__ import annotations

import click

from ironhull.engine.find import BUILDERS, RUNNERS

engine_option = click.option(
    "--engine",
    "engine_name",
    type=click.Choice(BUILDERS),
    help="Which container engine; without it the first of podman and docker that works.",
)

runner_option = click.option(
    "--engine",
    "engine_name",
    type=click.Choice(RUNNERS),
    help="What runs it; without it the first of podman, docker and sandbox that works.",
)
