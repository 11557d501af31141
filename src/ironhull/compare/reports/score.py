"""A score as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ironhull import __version__
from ironhull.compare.points import Point
from ironhull.compare.score import SECTIONS, Score
from ironhull.reports.table import Heading
from ironhull.reports.text import one_line
from ironhull.reports.words import tally
from ironhull.scan.model import ScanResult

SCHEMA = "ironhull-score-1"
_POINT = tuple(each.name for each in fields(Point))
_MARKS = {"pass": "yes", "fail": "no", "unknown": "?"}
_MOODS = {"A+": "good", "A": "good", "B": "fair", "C": "fair", "D": "bad"}


def score_json(score: Score) -> dict[str, Any]:
    """The whole score as a JSON object."""
    identity = score.image.inventory.image
    return {
        "schema": SCHEMA,
        "image": identity.name,
        "digest": identity.digest or identity.manifest or "",
        "made": score.made,
        "tool": {"name": "ironhull", "version": __version__},
        "command": score.command,
        "database": _date(score),
        "total": score.total,
        "of": len(score.points),
        "grade": score.grade,
        "sections": {
            name: {"total": _won(score, name), "of": len(score.section(name))} for name in SECTIONS
        },
        "points": [_point_json(point) for point in score.points],
        "cis": [_point_json(point) for point in score.cis],
    }


def _point_json(point: Point) -> dict[str, str]:
    # Not `asdict`: it copies each text, and who attests an image waits for nothing else as long.
    return {name: getattr(point, name) for name in _POINT}


def score_lines(score: Score) -> Iterator[str]:
    """Lines for a terminal: each point with its evidence, and what would win it."""
    total = f"{score.total} of {tally(score.points, 'point')}"
    yield Heading(one_line(f"{score.image.name}: {score.grade}, {total}"))
    for name in SECTIONS:
        points = score.section(name)
        yield ""
        yield Heading(f"{name} {_won(score, name)} of {len(points)}")
        for point in points:
            yield from _lines(point, point.title)
    yield ""
    yield Heading("CIS Docker Benchmark, section 4")
    for point in score.cis:
        yield from _lines(point, f"{point.id} {point.title}")
    yield ""
    yield f"advisories of: {_date(score) or 'none'}"
    yield f"again: {score.command}"


def score_badge(score: Score) -> str:
    """An SVG with grade and points."""
    # The only one of this module's forms that needs the template engine.
    from ironhull.compare.reports.badge import badge

    text = f"{score.grade} {score.total}/{len(score.points)}"
    return badge("hardening", text, _MOODS[score.grade])


def _won(score: Score, section: str) -> int:
    return sum(point.result == "pass" for point in score.section(section))


def _date(score: Score) -> str | None:
    scan = score.image.scan
    return scan.database.date if isinstance(scan, ScanResult) else None


def _lines(point: Point, title: str) -> Iterator[str]:
    yield f"  {_MARKS[point.result]:<4}{title}: {one_line(point.evidence)}"
    if point.gain:
        yield f"        to win it: {point.gain}"
