"""`ironhull approve`, `hold` and `rollback`: what a human decides of a watched image."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.watch_options import state_option
from ironhull.workspace.watch_choices import Decided
from ironhull.workspace.watch_deciding import approve as approve_image
from ironhull.workspace.watch_deciding import hold as hold_image
from ironhull.workspace.watch_deciding import rollback as rollback_image
from ironhull.workspace.watching import opened_state


@click.command(short_help="Let a watcher publish what it holds.")
@click.argument("image")
@state_option
@as_json
def approve(image: str, state: str | None, as_json: bool) -> None:
    """Let what is held of an image be published in the next round.

    It ends a hold by hand, and a quarantine, too.
    """
    with opened(True) as machine, opened_state(machine, state) as kept:
        _tell(approve_image(machine, kept, image), as_json)


@click.command(short_help="Let a watcher publish nothing new of an image.")
@click.argument("image")
@click.option("--reason", default="", help="Why; `status` says it.")
@state_option
@as_json
def hold(image: str, reason: str, state: str | None, as_json: bool) -> None:
    """Publish nothing new of an image until it is approved."""
    with opened(True) as machine, opened_state(machine, state) as kept:
        _tell(hold_image(machine, kept, image, reason), as_json)


@click.command(short_help="Move an image's tags back to what was published before.")
@click.argument("image")
@click.option(
    "--to", "digest", default="", metavar="DIGEST", help="To this; else to the one before."
)
@state_option
@registry_options
@as_json
def rollback(
    image: str,
    digest: str,
    state: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Move an image's tags back to what a watcher published before, and hold it there.

    It is recorded like any publication. `approve` lets the watcher go on.
    """
    with (
        opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine,
        opened_state(machine, state) as kept,
    ):
        _tell(rollback_image(machine, kept, image, digest), as_json)


def _tell(done: Decided, as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"{done.name}: {done.text}")
