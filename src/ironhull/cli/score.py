"""`ironhull score`: how hardened an image is, each point with its evidence."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.output import as_json, print_json, print_lines, write_file
from ironhull.cli.repeatable import Repeatable, given_command
from ironhull.cli.scan_options import Reach, image_argument, reach_options, scan_options
from ironhull.compare.reports.score import score_badge, score_json, score_lines
from ironhull.errors import CheckFailedError
from ironhull.reports.words import tally
from ironhull.scan.model import ScanResult
from ironhull.scan.policy import stale
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.scoring import score as score_image


@click.command(cls=Repeatable, short_help="Score any image's hardening, each point with evidence.")
@image_argument
@click.option(
    "--badge",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an SVG badge to this file.",
)
@click.option(
    "--fail-under",
    type=click.IntRange(0, 20),
    metavar="POINTS",
    help="Exit with 1 below so many points.",
)
@scan_options
@reach_options
@as_json
def score(
    image: str,
    badge: Path | None,
    fail_under: int | None,
    as_json: bool,
    chosen: ScanChoices,
    reach: Reach,
) -> None:
    """Score IMAGE by the Container Hardening Priorities and section 4 of the CIS Docker Benchmark.

    20 points: minimalism 4, provenance 8, configuration 4, vulnerabilities 4. Every point has its
    evidence and says what would win it. What cannot be measured wins nothing and is marked `?`.
    IMAGE is what `ironhull scan` takes; it needs neither root nor Docker, and runs nothing.

    Example: ironhull score localhost:5000/node:20 --fail-under 15
    """
    with reach.opened(quiet=as_json) as machine:
        choices = MeasureChoices(chosen, reach.platform)
        found = score_image(machine, image, choices, given_command())
    if badge is not None:
        write_file(badge, score_badge(found).encode())
    if as_json:
        print_json(score_json(found))
    else:
        print_lines(score_lines(found))
    reasons = stale(found.image.scan) if isinstance(found.image.scan, ScanResult) else []
    if fail_under is not None and found.total < fail_under:
        reasons.append(f"{tally(found.total, 'point')}, asked for {fail_under}")
    if reasons:
        raise CheckFailedError(f"{image}: {'; '.join(reasons)}")
