"""`ironhull debug`: a toolbox beside a container that has no shell."""

from __future__ import annotations

import subprocess
import sys

import click

from ironhull.cli.machine import opened
from ironhull.cli.signals import ended_by_signals
from ironhull.workspace.debugging import toolbox


@click.command(
    short_help="Look into a container that has no shell.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("container", metavar="CONTAINER")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(("podman", "docker")),
    help="What the container runs in; without it the first of podman and docker that works.",
)
@click.option(
    "--toolbox",
    "image",
    default="toolbox:13",
    show_default=True,
    metavar="NAME:TAG",
    help="Image of the store to look with.",
)
def debug(container: str, command: tuple[str, ...], engine_name: str | None, image: str) -> None:
    r"""Start a toolbox in the namespaces of a running CONTAINER: its processes, its network.

    The container's files are below /proc/1/root, as they are; nothing is added to it. Without a
    COMMAND it is bash. The toolbox is gone when it ends.

    \b
    Examples:
      ironhull build toolbox:13
      ironhull debug web
      ironhull debug web ls -l /proc/1/root/etc
    """
    with (
        opened() as machine,
        ended_by_signals(),
        toolbox(machine, container, image, engine_name) as box,
    ):
        if command and not sys.stdin.isatty():
            result = box.run(command)
            click.echo(result.stdout, nl=False)
            click.echo(result.stderr, nl=False, err=True)
            code = result.exit_code
        else:
            code = subprocess.run(box.at_terminal(command), check=False).returncode
    raise click.exceptions.Exit(code if code >= 0 else 128 - code)
