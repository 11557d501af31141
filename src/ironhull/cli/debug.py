"""`ironhull debug`: a toolbox beside a container or sandbox, or over an image, without a shell."""

from __future__ import annotations

import sys

import click

from ironhull.cli.machine import opened
from ironhull.cli.signals import ended_by_signals
from ironhull.engine.find import RUNNERS
from ironhull.workspace.debugging import toolbox


@click.command(
    short_help="Look into a container or image that has no shell.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("target", metavar="CONTAINER|SANDBOX|NAME:TAG")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(RUNNERS),
    help="What the container runs in; without it the first of podman and docker that works, then "
    "the sandbox.",
)
@click.option(
    "--toolbox",
    "image",
    default="toolbox:13",
    show_default=True,
    metavar="NAME:TAG",
    help="Image of the store to look with.",
)
def debug(target: str, command: tuple[str, ...], engine_name: str | None, image: str) -> None:
    r"""Start a toolbox beside a running CONTAINER or SANDBOX, in its processes and its network, or
    over the files of an image of the store, which is not started.

    A sandbox is one that `ironhull run` started, by its image or as sandbox-PID. The files are
    below /target, as they are; nothing is added to them, and those of a sandbox or an image cannot
    be written. Without a COMMAND it is bash. The toolbox ends with what runs beside it.

    \b
    Examples:
      ironhull build toolbox:13
      ironhull debug web
      ironhull debug web ls -l /target/etc
      ironhull debug --engine sandbox nginx:1.26 ss -tln
      ironhull debug node:20 readelf -d /target/usr/bin/node
    """
    with (
        opened() as machine,
        ended_by_signals(),
        toolbox(machine, target, image, engine_name) as box,
    ):
        if command and not sys.stdin.isatty():
            result = box.run(command)
            click.echo(result.stdout, nl=False)
            click.echo(result.stderr, nl=False, err=True)
            code = result.exit_code
        else:
            code = box.at_terminal(command)
    raise click.exceptions.Exit(code)
