"""`ironhull score`: how hardened an image is, each point with its evidence."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ironhull import __version__
from ironhull.cli.measure import (
    Repeatable,
    declared_about,
    given_command,
    measure,
    opened_database,
    target_options,
)
from ironhull.cli.output import as_json, print_json, write_file
from ironhull.cli.scan import Image, Scanning, scan_options
from ironhull.compare.cis import cis_of
from ironhull.compare.history import history_of
from ironhull.compare.model import MeasuredImage
from ironhull.compare.score import SECTIONS, Point, Score, ScoredImage, points_of
from ironhull.errors import CheckFailedError
from ironhull.reports.text import one_line
from ironhull.scan.model import ScanResult

SCHEMA = "ironhull-score-1"
_MARKS = {"pass": "yes", "fail": "no", "unknown": "?"}
_MOODS = {"A+": "good", "A": "good", "B": "fair", "C": "fair", "D": "bad"}


@click.command(cls=Repeatable, short_help="Score any image's hardening, each point with evidence.")
@click.argument("image", metavar="IMAGE")
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
@target_options
@as_json
def score(
    image: str,
    badge: Path | None,
    fail_under: int | None,
    target: Image,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Score IMAGE by the Container Hardening Priorities and section 4 of the CIS Docker Benchmark.

    20 points: minimalism 4, provenance 8, configuration 4, vulnerabilities 4. Every point has its
    evidence and says what would win it. What cannot be measured wins nothing and is marked `?`.
    IMAGE is what `ironhull scan` takes; it needs neither root nor Docker, and runs nothing.

    Example: ironhull score localhost:5000/node:20 --fail-under 15
    """
    wanted = replace(target, name=image, quiet=target.quiet or as_json)
    now = datetime.now(UTC)
    with opened_database() as database:
        side = measure([wanted], database, Scanning(**chosen))[0]
    facts = ScoredImage(side, declared_about(wanted, side), history_of(side.inventory.layers), now)
    points = points_of(facts)
    found = Score(points, cis_of(facts, points))
    if badge is not None:
        from ironhull.compare.reports.badge import badge as drawn

        text = f"{found.grade} {found.total}/{len(found.points)}"
        write_file(badge, drawn("hardening", text, _MOODS[found.grade]).encode())
    if as_json:
        print_json(_json(found, side, now))
    else:
        click.echo(_text(found, side))
    if fail_under is not None and found.total < fail_under:
        raise CheckFailedError(f"{image}: {found.total} points, asked for {fail_under}")


def _json(found: Score, side: MeasuredImage, now: datetime) -> dict[str, Any]:
    identity = side.inventory.image
    return {
        "schema": SCHEMA,
        "image": identity.name,
        "digest": identity.digest or identity.manifest or "",
        "made": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tool": {"name": "ironhull", "version": __version__},
        "command": given_command(),
        "database": _date(side),
        "total": found.total,
        "of": len(found.points),
        "grade": found.grade,
        "sections": {
            name: {
                "total": sum(point.result == "pass" for point in found.section(name)),
                "of": len(found.section(name)),
            }
            for name in SECTIONS
        },
        "points": [asdict(point) for point in found.points],
        "cis": [asdict(point) for point in found.cis],
    }


def _date(side: MeasuredImage) -> str | None:
    return side.scan.database.date if isinstance(side.scan, ScanResult) else None


def _text(found: Score, side: MeasuredImage) -> str:
    headline = f"{side.name}: {found.grade}, {found.total} of {len(found.points)} points"
    lines = [click.style(one_line(headline), bold=True)]
    for name in SECTIONS:
        points = found.section(name)
        won = sum(point.result == "pass" for point in points)
        lines += ["", click.style(f"{name} {won} of {len(points)}", bold=True)]
        lines += [line for point in points for line in _lines(point)]
    lines += ["", click.style("CIS Docker Benchmark, section 4", bold=True)]
    lines += [line for point in found.cis for line in _lines(point, label=point.id)]
    lines += ["", f"advisories of: {_date(side) or 'none'}", f"again: {given_command()}"]
    return "\n".join(lines)


def _lines(point: Point, label: str = "") -> list[str]:
    title = f"{label} {point.title}".strip()
    lines = [f"  {_MARKS[point.result]:<4}{title}: {one_line(point.evidence)}"]
    if point.gain:
        lines.append(f"        to win it: {point.gain}")
    return lines
