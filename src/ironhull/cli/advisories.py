"""`ironhull advisories`: the local database of vulnerabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ironhull.advisories.dossier import (
    dossier_document,
    dossier_lines,
    status_document,
    status_lines,
)
from ironhull.advisories.update import MAX_SHRINK, Outcome
from ironhull.cli.machine import opened, silent
from ironhull.cli.output import as_json, print_json, print_lines, table
from ironhull.errors import NetworkError, UntrustedError
from ironhull.reports.words import shown_size, tally
from ironhull.workspace.advising import database_status, dossier, update_advisories


@click.group(short_help="Get and read the database of vulnerabilities.")
def advisories() -> None:
    """Bring security advisories into a local database, and look into it.

    Example: ironhull advisories update
    """


@advisories.command("update", short_help="Bring feeds in, from the network or from files.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME=URL|FILE|DIR",
    help="A feed and where to read it; again for more feeds or more places of one.",
)
@click.option(
    "--max-shrink",
    type=click.FloatRange(0, 1),
    default=MAX_SHRINK,
    show_default=True,
    help="Refuse a feed that lost more than this share of its records.",
)
@click.option("--delta", is_flag=True, help="The sources change single records of their feeds.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the result.")
@as_json
def update_(
    sources: Sequence[str], max_shrink: float, delta: bool, quiet: bool, as_json: bool
) -> None:
    """Bring feeds into the database. Without --source: all default feeds from their own addresses.

    A feed that does not parse, shrank or went back in time is refused and its old data stay. The
    addresses are settings: IRONHULL_ADVISORY_SOURCES or advisory_sources in ironhull.toml, in the
    form of --source, separated by spaces.

    Example: ironhull advisories update --source osv-debian=all.zip
    """
    with opened(quiet or as_json) as machine:
        outcomes = update_advisories(machine, sources, max_shrink=max_shrink, delta=delta)
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        rows = [[o.name, o.status, str(o.records), o.date, o.reason] for o in outcomes]
        click.echo(table(["FEED", "STATUS", "RECORDS", "DATE", ""], rows, right=(2,)))
    _raise(outcomes)


def _raise(outcomes: Sequence[Outcome]) -> None:
    refused = [outcome for outcome in outcomes if outcome.status == "refused"]
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if refused:
        raise UntrustedError(f"refused: {_told(refused)}; their old data stay")
    if failed:
        raise NetworkError(
            f"not reached: {_told(failed)}; without internet, bring files: --source NAME=FILE, "
            "or a database from elsewhere: ironhull advisories import FILE"
        )


def _told(outcomes: Sequence[Outcome]) -> str:
    """One with its reason, several by name: the table has said why."""
    if len(outcomes) == 1:
        return f"{outcomes[0].name}: {outcomes[0].reason}"
    return ", ".join(outcome.name for outcome in outcomes)


@advisories.command("status", short_help="Show which feeds there are and how old they are.")
@as_json
def status_(as_json: bool) -> None:
    """Show every feed of the database: its date, its records, when and from where it came.

    Example: ironhull advisories status
    """
    status = database_status(silent())
    if as_json:
        print_json(status_document(status))
    else:
        print_lines(status_lines(status))


@advisories.command(short_help="Show all that is known about one vulnerability.")
@click.argument("identifier", metavar="CVE")
@as_json
def show(identifier: str, as_json: bool) -> None:
    """Show every record and claim about a vulnerability, with feed and date.

    Example: ironhull advisories show CVE-2024-6387
    """
    found = dossier(silent(), identifier)
    if as_json:
        print_json(dossier_document(found))
    else:
        print_lines(dossier_lines(found))


@advisories.command(short_help="Write the database to one file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(file: Path) -> None:
    """Write the database to FILE, to carry it to a place without network.

    Example: ironhull advisories export advisories.zst
    """
    from ironhull.advisories.transfer import export_database

    size = export_database(silent().home.advisories, file)
    click.echo(f"{file}: {shown_size(size)}")


@advisories.command("import", short_help="Take a database that was exported elsewhere.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--allow-older", is_flag=True, help="Take it even if feeds are older than ours.")
def import_(file: Path, allow_older: bool) -> None:
    """Put the exported database FILE in place of this one. No feed may be older than it is here.

    Example: ironhull advisories import advisories.zst
    """
    from ironhull.advisories.transfer import import_database

    brought = import_database(file, silent().home.advisories, allow_older=allow_older)
    click.echo(f"{tally(brought.feeds, 'feed')}, {shown_size(brought.size)}")
