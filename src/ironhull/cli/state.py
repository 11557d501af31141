"""`ironhull state`: the state of watching into a file and back."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.watch_options import state_option
from ironhull.reports.words import tally
from ironhull.state.transfer import export_state, import_state
from ironhull.store.export import whole_file
from ironhull.watch.referee import read_dates
from ironhull.workspace.watch_deciding import take_clock
from ironhull.workspace.watching import opened_state

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(short_help="Back up what watching remembers, and bring it back.")
def state() -> None:
    """Write what watching remembers into a file, and read it into another database."""


@state.command("export")
@click.argument("file", type=_FILE)
@state_option
def export(file: Path, state: str | None) -> None:
    """Write everything into FILE: a line of JSON for each row."""
    with opened_state(silent(), state) as kept, whole_file(file) as target:
        number = export_state(kept, target)
    click.echo(f"{file}: {tally(number, 'row')}")


@state.command("clock")
@state_option
def clock(state: str | None) -> None:
    """Take this machine's clock for right, the last round's for wrong."""
    with opened_state(silent(), state) as kept:
        take_clock(kept)


@state.command("referee")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@state_option
def referee(file: Path, state: str | None) -> None:
    """Read the dates on which others first saw what was found here.

    FILE is CSV with the columns vulnerability and first_observed. `status` has the span `observed
    outside to seen` then, `history CVE-…` the date.
    """
    with opened_state(silent(), state) as kept, file.open("rb") as source:
        dates = read_dates(source, str(file))
        number = kept.observed(dates)
    known = tally(dates, "vulnerability", "vulnerabilities")
    click.echo(f"{file}: {known}, {number} new or earlier than known")


@state.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@state_option
def import_(file: Path, state: str | None) -> None:
    """Read FILE into a state in which nothing is yet."""
    with opened_state(silent(), state) as kept, file.open("rb") as source:
        number = import_state(kept, source, str(file))
    click.echo(f"{file}: {tally(number, 'row')}")
