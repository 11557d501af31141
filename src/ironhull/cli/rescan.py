"""`ironhull rescan`: stored inventories against new advisories, without the images."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from ironhull.advisories.database import Database
from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.errors import CheckFailedError, InputError
from ironhull.inventory.take import stored_inventories
from ironhull.scan.interface import NoIndex
from ironhull.scan.matching import Options, database_info
from ironhull.scan.rescan import ImageRescan
from ironhull.scan.rescan import rescan as rescan_all
from ironhull.workspace.scanning import allowed_age


@click.command(short_help="Match stored inventories with new advisories.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--all", "everything", is_flag=True, help="All stored inventories.")
@click.option("--new-only", is_flag=True, help="Show only images with something new.")
@click.option("--fail-on-new", is_flag=True, help="Exit with 1 if anything is new.")
@click.option("--max-age", type=click.IntRange(0), metavar="DAYS", help="As for ironhull scan.")
@as_json
def rescan(
    images: Sequence[str],
    everything: bool,
    new_only: bool,
    fail_on_new: bool,
    max_age: int | None,
    as_json: bool,
) -> None:
    """Match inventories that are stored with today's advisories. The images are not needed.

    What is new is said once: the next rescan counts it among the known. An image that was never
    rescanned begins with what it has.

    Example: ironhull rescan --all
    """
    # Hundreds of thousands of values that live to the end: looking for cycles among them is waste.
    gc.disable()
    if everything == bool(images):
        raise InputError("name images whose inventory is stored, or give --all")
    machine = silent()
    home = machine.home
    with Database(home.advisories) as database:
        store = stored_inventories(home)
        results = rescan_all(store, database, home.reported, NoIndex())
        info = database_info(database, Options(datetime.now(UTC), allowed_age(machine, max_age)))
    unknown = sorted(set(images) - {result.image for result in results})
    if unknown:
        raise InputError(f"no inventory is stored of {', '.join(unknown)}")
    shown = [result for result in results if everything or result.image in images]
    if as_json:
        print_json(
            {
                "database": {"date": info.date, "stale": info.stale},
                "images": [asdict(each) for each in shown if each.new or not new_only],
            }
        )
    else:
        _print(shown, new_only)
        click.echo(f"database: {info.date}")
    _judge(shown, fail_on_new=fail_on_new, stale=info.stale)


def _print(results: Sequence[ImageRescan], new_only: bool) -> None:
    rows = [
        [
            each.image,
            each.key[7:19],
            "unknown" if each.raw is None else str(each.raw),
            "unknown" if each.after_vex is None else str(each.after_vex),
            str(len(each.new)),
            str(each.unmatched),
            each.reason,
        ]
        for each in results
        if each.new or not new_only
    ]
    headings = ["IMAGE", "DIGEST", "RAW", "AFTER VEX", "NEW", "UNMATCHED", ""]
    if rows:
        click.echo(table(headings, rows, right=(2, 3, 4, 5)))
    for each in results:
        for finding in each.new:
            fix = f", fixed in {finding.fixed_version}" if finding.fixed_version else ""
            cleared = " (not affected by our evidence)" if finding.suppressed else ""
            what = f"{finding.id} in {finding.package} {finding.version}{fix}{cleared}"
            click.echo(f"new: {each.image}: {what}")
    new = sum(len(each.new) for each in results)
    images = "1 image" if len(results) == 1 else f"{len(results)} images"
    click.echo(f"{images}, {_new_findings(new)}")


def _new_findings(count: int) -> str:
    return "1 new finding" if count == 1 else f"{count} new findings"


def _judge(results: Sequence[ImageRescan], *, fail_on_new: bool, stale: bool) -> None:
    reasons = []
    new = sum(len(each.new) for each in results)
    if fail_on_new and new:
        reasons.append(_new_findings(new))
    unknown = [each.image for each in results if each.raw is None]
    if unknown:
        reasons.append(f"nothing is known of {len(unknown)} images: {', '.join(unknown[:5])}")
    if stale:
        reasons.append("the advisories are stale; run: ironhull advisories update")
    if reasons:
        raise CheckFailedError("; ".join(reasons))
