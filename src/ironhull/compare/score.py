"""The score of an image: its points and the CIS Docker Benchmark's checks, counted and graded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ironhull.compare.cis import cis_of
from ironhull.compare.declared import Declared
from ironhull.compare.history import history_of
from ironhull.compare.made import MadeHere
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.compare.points import Point, ScoredImage, points_of
from ironhull.reports.words import moment

SECTIONS = ("minimalism", "provenance", "configuration", "vulnerabilities")
GRADES = (("A+", 100), ("A", 75), ("B", 50), ("C", 40), ("D", 0))


@dataclass(frozen=True, slots=True)
class Score:
    """The points, and the checks of the CIS Docker Benchmark beside them."""

    image: MeasuredImage
    points: tuple[Point, ...]
    cis: tuple[Point, ...] = ()
    made: str = ""
    """When, UTC: 2026-11-23T12:00:00Z."""
    command: str = ""
    """What to run to get the same."""

    @property
    def total(self) -> int:
        """The points that are won."""
        return sum(point.result == "pass" for point in self.points)

    @property
    def grade(self) -> str:
        """A+ for all points, A from 75 %, B from 50 %, C from 40 %, D below."""
        share = 100 * self.total / len(self.points)
        return next(grade for grade, least in GRADES if share >= least)

    def section(self, name: str) -> tuple[Point, ...]:
        """The points of one of SECTIONS."""
        return tuple(point for point in self.points if point.section == name)


def score_of(
    image: MeasuredImage,
    declared: Declared | Unknown,
    now: datetime,
    command: str = "",
    made: MadeHere | None = None,
) -> Score:
    """The score of a measured image; `declared` is what its maker says, `made` what we know."""
    given = ScoredImage(image, declared, history_of(image.inventory.layers), now, made)
    points = points_of(given)
    return Score(image, points, cis_of(given, points), moment(now), command)
