"""`ironhull scan`: the vulnerabilities of any image."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from ironhull.cli.output import print_json, print_lines
from ironhull.cli.scan_options import (
    Reach,
    accept_unknown_option,
    image_argument,
    reach_options,
    scan_options,
)
from ironhull.errors import CheckFailedError, InputError
from ironhull.scan.model import ScanResult
from ironhull.scan.policy import failures, parse_accepted, parse_terms, unreliable
from ironhull.scan.reports.formats import FORMATS
from ironhull.scan.summary import ScanReport
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.scanning import scan as scan_image


@click.command(short_help="Find the vulnerabilities of any image.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="TERM",
    help="Exit with 1 on a severity or worse, any, kev, fixable, eol; several with commas.",
)
@accept_unknown_option
@click.option("--only-fixable", is_flag=True, help="Show only what has a fix.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Show only what was published or changed since.",
)
@click.option(
    "--diff",
    "older",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="OLDER-RESULT",
    help="Show what is new, gone or fixable since an older result (scan --json).",
)
@click.option("--suppressed", is_flag=True, help="Show in table and Markdown what VEX clears.")
@scan_options
@image_argument
@reach_options
def scan(
    image: str,
    form: str,
    fail_on: Sequence[str],
    accept_unknown: Sequence[str],
    only_fixable: bool,
    since: datetime | None,
    older: Path | None,
    suppressed: bool,
    chosen: ScanChoices,
    reach: Reach,
) -> None:
    """Find the vulnerabilities of IMAGE by the distribution's own rules.

    IMAGE is what `ironhull inventory` takes, or a file of `ironhull inventory --json`. Counts are
    shown raw and after VEX. Exits with 1 where --fail-on says so, and where the result cannot be
    relied on: stale advisories, unknown releases, files that could not be read, distribution
    packages that were not matched, packages of any kind whose version cannot be compared.

    Example: ironhull scan localhost:5000/node:20 --fail-on high,kev
    """
    # Rules and findings live to the end: looking for cycles among them all the time is waste.
    gc.set_threshold(50_000)
    terms = parse_terms(fail_on)
    accepted = parse_accepted(accept_unknown)
    with reach.opened(quiet=form != "table") as machine:
        result = scan_image(machine, image, chosen, reach.platform)
    if older is not None:
        _print_difference(older, result, form)
    else:
        report = ScanReport(result, only_fixable, since.date() if since else None, suppressed)
        click.echo(FORMATS[form].render(report).rstrip("\n"))
    reasons = failures(result, terms, accepted)
    reasons += [each for each in unreliable(result, accepted) if each not in reasons]
    if reasons:
        raise CheckFailedError(f"{result.image}: {'; '.join(reasons)}")


def _print_difference(older: Path, result: ScanResult, form: str) -> None:
    from ironhull.scan.diff import compare_with_file
    from ironhull.scan.reports.difference import difference_json, difference_lines

    if form not in ("table", "json"):
        raise InputError(f"--diff prints a table or JSON, not {form}")
    diff = compare_with_file(older, result)
    if form == "json":
        print_json(difference_json(diff, result))
    else:
        print_lines(difference_lines(diff, result))
