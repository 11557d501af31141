"""One HTML page that needs nothing else: no request, no font, no picture from anywhere.

Nothing that an image says can act in it (see `ironhull.reports.page`). Each figure carries the
JSON pointer of the place it comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from ironhull.compare.reports.words import (
    FigureRow,
    Json,
    at,
    database_line,
    gained_rows,
    rows,
    unknown_reasons,
)
from ironhull.inventory.model import DISTRIBUTION_TYPES, SURFACE_LISTS
from ironhull.reports.page import page
from ironhull.reports.words import UNKNOWN, amount, percent, signed
from ironhull.scan.model import FIXABLE, SEVERITIES

MAX_FINDINGS = 20_000
"""Rows of one table; more are said to be left out, never left out in silence."""

_KINDS = {"packages.os": "distribution", "packages.language": "language"}
_CHARTS: tuple[tuple[str, str, bool, tuple[str, ...]], ...] = (
    ("Packages", "count", True, ("packages.total", "packages.os", "packages.language")),
    (
        "Vulnerabilities",
        "count",
        True,
        (
            "vulnerabilities.raw",
            "vulnerabilities.after_vex",
            *(f"vulnerabilities.{severity}" for severity in SEVERITIES),
            "vulnerabilities.fixable",
            "vulnerabilities.kev",
        ),
    ),
    ("Size", "bytes", True, ("size.compressed", "size.uncompressed", "size.files")),
    (
        "Attack surface",
        "count",
        False,
        (*(f"surface.{name}" for name in SURFACE_LISTS), "surface.executables"),
    ),
)


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One image's bar: `length` is in per cent of the longest that it is drawn beside."""

    image: int
    pointer: str
    length: float
    unknown: bool


@dataclass(frozen=True, slots=True)
class ChartBars:
    """A figure of a chart, with one bar for each image."""

    title: str
    unit: str
    bars: tuple[ChartBar, ...]


def render(document: Json) -> str:
    """The page. Everything that comes from outside is escaped by the template engine."""
    numbers = range(len(document["comparisons"]))
    return page(
        "ironhull.compare.reports",
        "compare.html",
        document=document,
        images=document["images"],
        names=_names(document["images"]),
        pairs=document["comparisons"],
        charts=_charts(document),
        database=database_line(document),
        gained=[gained_rows(document, number) for number in range(len(document["comparisons"]))],
        unknown=[
            unknown_reasons(document, number) for number in range(len(document["comparisons"]))
        ],
        rows_of=rows_of,
        fixable=[state.value for state in FIXABLE],
        systems=sorted(DISTRIBUTION_TYPES),
        figures=[list(rows(document, number)) for number in numbers],
        findings=[_findings(document, pair) for pair in document["comparisons"]],
        limit=MAX_FINDINGS,
        severities=SEVERITIES,
        figure=lambda pointer, unit="count", how="amount": _figure(document, pointer, unit, how),
    )


def rows_of(row: FigureRow) -> tuple[str, str]:
    """The part of the page that has a figure's rows, and the filter of its table that shows them.

    The filter is in the form of a query: keys are the table's choices, and `words`.
    """
    group, _, name = row.id.partition(".")
    if group == "packages":
        return "packages", urlencode({"data-kind": _KINDS[row.id]} if row.id in _KINDS else {})
    if group == "surface" and name in SURFACE_LISTS:
        return "surface", urlencode({"data-subject": row.title})
    if group != "vulnerabilities" or name == "unmatched":
        return "figures", urlencode({"words": row.title})
    wanted = {"data-where": "image"}
    severity = name.removeprefix("raw_")
    if not name.startswith("raw") and name != "ids_raw":
        wanted["data-cleared"] = "left"
    if severity in SEVERITIES:
        wanted["data-severity"] = severity
    if name in ("kev", "fixable"):
        wanted[f"data-{name}"] = "yes"
    return "findings", urlencode(wanted)


def _figure(document: Json, pointer: str, unit: str, how: str) -> Markup:
    """A figure with the place in the JSON report that it comes from."""
    value = at(document, pointer)
    text = {"amount": lambda: amount(value, unit), "signed": lambda: signed(value, unit)}.get(
        how, lambda: percent(value)
    )()
    if value is None:
        return Markup('<span class="unknown" data-path="{}">{}</span>').format(
            pointer, UNKNOWN if how == "amount" else ""
        )
    return Markup('<data value="{}" data-path="{}" title="JSON: {}">{}</data>').format(
        value, pointer, pointer, text
    )


def _names(images: Sequence[Json]) -> list[str]:
    """A name for each image; the second of the same name gets a number, for headings differ."""
    seen: Counter[str] = Counter()
    names = []
    for image in images:
        name = image["name"]
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _charts(document: Json) -> list[tuple[str, bool, list[ChartBars]]]:
    """Charts with at least one figure that is not nothing everywhere."""
    titles = {entry["id"]: entry["title"] for entry in document["scale"]}
    figures = [image["figures"] for image in document["images"]]
    charts = []
    for chart, unit, together, names in _CHARTS:
        shown = [name for name in names if any(values[name] != 0 for values in figures)]
        longest = {name: _longest([values[name] for values in figures]) for name in shown}
        if together:
            longest = dict.fromkeys(shown, max(longest.values(), default=1))
        bars = [_bars(document, name, titles[name], unit, longest[name]) for name in shown]
        charts.append((chart, together, bars))
    return charts


def _longest(values: list[int | None]) -> int:
    return max((value for value in values if value is not None), default=0) or 1


def _bars(document: Json, name: str, title: str, unit: str, longest: int) -> ChartBars:
    values = [image["figures"][name] for image in document["images"]]
    return ChartBars(
        title,
        unit,
        tuple(
            ChartBar(
                number,
                f"/images/{number}/figures/{name}",
                0 if value is None else round(100 * value / longest, 2),
                value is None,
            )
            for number, value in enumerate(values)
        ),
    )


def _findings(document: Json, pair: Json) -> list[tuple[str, Json]]:
    """Findings of both with where they are: the image's own first, the worst first."""
    images = document["images"]
    new = {_key(each) for each in pair["findings"]["new"]}
    gone = {_key(each) for each in pair["findings"]["gone"]}
    found = [
        ("new" if _key(each) in new else "in both", each)
        for each in images[pair["image"]]["scan"]["findings"]
    ]
    if pair["findings"]["counts"] is not None:
        found += [("gone", each) for each in images[0]["scan"]["findings"] if _key(each) in gone]
    return found


def _key(finding: Any) -> tuple[str, str, str]:
    return finding["id"], finding["type"], finding["package"]
