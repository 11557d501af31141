"""`ironhull explain`: why a vulnerability is or is not reported for an image."""

from __future__ import annotations

import click

from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.cli.scan_options import Reach, image_argument, reach_options, scan_options
from ironhull.errors import CheckFailedError
from ironhull.scan.reports.explanation import explanation_json, explanation_lines
from ironhull.workspace.explaining import explain as explain_one
from ironhull.workspace.scanning import ScanChoices


@click.command(short_help="Say why a vulnerability is or is not reported.")
@click.argument("vulnerability", metavar="CVE")
@image_argument
@reach_options
@scan_options
@as_json
def explain(
    vulnerability: str, image: str, as_json: bool, chosen: ScanChoices, reach: Reach
) -> None:
    """Say why CVE is or is not reported for IMAGE, and what to do.

    Every package that it concerns, where it came from, the versions that were compared, the feeds'
    own lines with their dates, and what VEX says.

    Example: ironhull explain CVE-2023-45853 node:20
    """
    with reach.opened(quiet=as_json) as machine:
        answer = explain_one(machine, vulnerability, image, chosen, reach.platform)
    if as_json:
        print_json(explanation_json(answer))
    else:
        print_lines(explanation_lines(answer))
    if answer.stale:
        raise CheckFailedError(f"{answer.image}: {'; '.join(answer.stale)}")
