"""The option `--lock` of `ironhull migrate`: build stages that install the same for ever."""

from __future__ import annotations

import click

from ironhull.cli.machine import opened
from ironhull.migrate.locking.stages import SERVED
from ironhull.migrate.model import Migration
from ironhull.reports.words import tally

lock_option = click.option(
    "--lock",
    "served",
    is_flag=False,
    flag_value=SERVED,
    metavar="[URL]",
    help="Pin what build stages install with apt, keep it, and fetch it from ironhull serve at URL."
    f"  [default: {SERVED}]",
)


def locked_stages(found: Migration, served: str, as_json: bool) -> Migration:
    """The migration with versions pinned; where they are kept is said on standard error."""
    # Archives and the resolver, which migrating alone does without.
    from ironhull.workspace.build_locks import lock_build_stages

    with opened(as_json) as machine:
        done = lock_build_stages(machine, found, served)
    if done.folder is not None:
        count = len(done.packages)
        click.echo(
            f"locked: {tally(count, 'package')}, kept in {done.folder} (ironhull serve)", err=True
        )
    return done.migration
