"""`ironhull history`: what was published in a repository, and whether it is all still there."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import registry_options
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.watch_options import state_option
from ironhull.errors import CheckFailedError, NotFoundError
from ironhull.publication.chain import Entry
from ironhull.reports.text import one_line
from ironhull.reports.words import tally
from ironhull.workspace.history import History, HistoryChoices, history_json
from ironhull.workspace.history import history as history_of
from ironhull.workspace.watch_past import WatchHistory, watched_history


@click.command(short_help="Show what was published in a repository, by its signed record.")
@click.argument("reference", metavar="REF")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A public key to believe (PEM); several: any of them.  [default: the ring's]",
)
@click.option(
    "--max-age",
    type=click.IntRange(0),
    metavar="DAYS",
    help="Fail if the newest record is older: nothing newer is published, or it is kept from us.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the record's files to this folder, for a static server or an air gap.",
)
@state_option
@registry_options
@as_json
def history(
    reference: str,
    state: str | None,
    keys: tuple[Path, ...],
    max_age: int | None,
    export: Path | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Show what was published in a repository, by the signed record that `push` keeps in it.

    Of a watched image, or of a vulnerability (CVE-…), it shows what a watcher did too, and when.

    REF is a repository of a registry (with a tag: that one alone), a folder that --export wrote, or
    a name that was published from here. Every record is verified. What was seen is remembered: a
    record that is shorter or other than before is refused, and so are tags that were moved back and
    statements that are missing (exit 1).

    \b
    Examples:
      ironhull history localhost:5000/node
      ironhull history localhost:5000/node:20 --key release.pub --max-age 7
      ironhull history CVE-2026-12345
    """
    age = None if max_age is None else timedelta(days=max_age)
    chosen = HistoryChoices(keys, age, export)
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        watched = watched_history(machine, reference, state)
        try:
            called = watched.published_as if watched else ""
            found = history_of(machine, called or reference, chosen)
        except NotFoundError:
            if watched is None:
                raise
            found = None
    said = None if found is None else history_json(found)
    if as_json:
        print_json({"watch": asdict(watched), "record": said} if watched else said)
    else:
        _print_watched(watched)
        _print(found)
    if found is not None and found.complaints:
        raise CheckFailedError(
            "; ".join(f"{found.place}: {each.reason}: {each.message}" for each in found.complaints)
        )


def _print_watched(found: WatchHistory | None) -> None:
    if found is None:
        return
    for each in found.events:
        where = f"in {each.image}" if each.image else "outside"
        click.echo(f"{each.at[:16]}  {each.vulnerability} {each.kind} {where}")
    rows = [
        (
            str(each.id),
            each.started[:16].replace("T", " "),
            each.result,
            each.new[:19],
            one_line(each.detail or each.cause, 90),
        )
        for each in found.attempts
    ]
    if rows:
        click.echo(table(("RUN", "BEGUN", "RESULT", "IMAGE", "WHY"), rows, right=(0,)))


def _print(found: History | None) -> None:
    if found is None:
        return
    headings = ("RECORD", "PUBLISHED", "TAGS", "IMAGE", "PLATFORMS", "STATEMENTS", "STATE")
    rows = [_row(each, found) for each in reversed(found.shown)]
    click.echo(table(headings, rows, right=(0, 4, 5)))
    newest = found.entries[-1]
    unchecked = f"; statements of {tally(found.unchecked, 'older image')} not checked"
    click.echo(
        f"{found.place}: {tally(found.entries, 'record')} of {found.repository}, the newest "
        f"{tally(found.age.days, 'day')} old, signed by {', '.join(map(str, newest.signers))}"
        + (unchecked if found.unchecked else "")
    )


def _row(entry: Entry, found: History) -> tuple[str, ...]:
    said, number = entry.record.publication, entry.record.number
    state = found.states.get(number, "unknown")
    return (
        str(number),
        f"{said.published:%Y-%m-%d %H:%M}",
        one_line(", ".join(said.tags), 60),
        said.image[:19],
        str(len(said.platforms) or 1),
        str(len(said.statements)),
        state + (", by a key revoked since" if entry.revoked else ""),
    )
