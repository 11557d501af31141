"""`ironhull rescan`: stored inventories against new advisories, without the images."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.errors import CheckFailedError, InputError
from ironhull.scan.reports.rescanned import rescan_failures, rescan_json, rescan_lines
from ironhull.workspace.rescanning import rescan as rescan_images


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
    found = rescan_images(silent(), images, max_age)
    shown, database = found.images, found.database
    if as_json:
        print_json(rescan_json(shown, database, new_only=new_only))
    else:
        print_lines(rescan_lines(shown, database, new_only=new_only))
    reasons = rescan_failures(shown, database, fail_on_new=fail_on_new)
    if reasons:
        raise CheckFailedError("; ".join(reasons))
