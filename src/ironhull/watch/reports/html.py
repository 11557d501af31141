"""The page of `ironhull status --html`: where images stand, how long fixes took, charts as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ironhull.reports.page import page
from ironhull.watch.measures import Measured
from ironhull.watch.standing import CatalogStatus

_WIDTH, _HEIGHT = 720, 200
_SHOWN = ("critical", "high", "medium", "low")
_DAYS = 90


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's column, in the chart's units; `level` is 0 for the worst severity."""

    x: float
    y: float
    width: float
    height: float
    level: int
    text: str


def status_page(
    found: CatalogStatus,
    measured: Measured,
    made: str,
) -> str:
    """The page, all of it in one file that asks nobody for anything."""
    shown = dict(sorted(measured.days.items())[-_DAYS:])
    rows = [(each, [said_time(time) for time in each.percentiles]) for each in measured.times]
    beside = dict(sorted(measured.beside.items())[-_DAYS:])
    return page(
        "ironhull.watch.reports",
        "status.html",
        found=found,
        behind=sum(bool(image.behind_since) for image in found.images),
        taken=rows,
        said=said_time,
        late=measured.open,
        spent=measured.spent,
        lines=_lines(beside),
        beside=beside,
        highest=max((max(each) for each in beside.values()), default=0),
        days=shown,
        severities=_SHOWN,
        bars=_bars(shown),
        width=_WIDTH,
        height=_HEIGHT,
        most=_most(shown),
        made=made,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One side of the comparison by day."""

    label: str
    color: str
    points: str
    """As SVG's polyline has them."""
    dots: tuple[tuple[float, float, str], ...]
    """x, y and what is written there."""


def _lines(days: Mapping[str, tuple[int, int]]) -> list[Line]:
    """Findings of the images and of their counterparts, from the first day to the last."""
    highest = max((max(each) for each in days.values()), default=0) or 1
    step = _WIDTH / max(len(days) - 1, 1)
    lines = []
    for side, (label, color) in enumerate((("ours", "#2b6c57"), ("conventional", "#8b1a1a"))):
        dots = tuple(
            (
                round(number * step, 2),
                round(_HEIGHT - counts[side] * _HEIGHT / highest, 2),
                f"{day}: {counts[side]} ({label})",
            )
            for number, (day, counts) in enumerate(days.items())
        )
        lines.append(Line(label, color, " ".join(f"{x},{y}" for x, y, _ in dots), dots))
    return lines if days else []


def said_time(time: timedelta | None) -> str:
    """`45 min`, `3.5 h`, `2.0 d`; empty for None."""
    if time is None:
        return ""
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 72 * 60 else f"{minutes / 1440:.1f} d"


def _most(days: Mapping[str, Mapping[str, int]]) -> int:
    return max((sum(day.get(name, 0) for name in _SHOWN) for day in days.values()), default=0)


def _bars(days: Mapping[str, Mapping[str, int]]) -> list[Bar]:
    """A column for each day, the worst severity at the bottom."""
    bars: list[Bar] = []
    step, most = _WIDTH / max(len(days), 1), max(_most(days), 1)
    for number, (day, counts) in enumerate(days.items()):
        top = float(_HEIGHT)
        for level, severity in enumerate(_SHOWN):
            height = counts.get(severity, 0) * _HEIGHT / most
            if height:
                top -= height
                text = f"{day}: {counts[severity]} {severity}"
                x = round(number * step, 2)
                bars.append(
                    Bar(x, round(top, 2), round(step * 0.8, 2), round(height, 2), level, text)
                )
    return bars
