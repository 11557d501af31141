"""Where in the JSON document the figures stand that reports show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ironhull.reports.words import UNKNOWN
from ironhull.values import dataclass

Json = Mapping[str, Any]

HEADLINES = (
    "packages.total",
    "vulnerabilities.after_vex",
    "vulnerabilities.raw",
    "vulnerabilities.fixable",
    "vulnerabilities.kev",
    "size.compressed",
    "size.uncompressed",
    "surface.executables",
    "surface.shells",
    "surface.package_managers",
    "surface.setuid",
    "posture.root",
)
"""The figures that a summary shows."""


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; KeyError or IndexError if it leads nowhere."""
    value = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


GAINED = (
    "packages.total",
    "vulnerabilities.after_vex",
    "size.compressed",
    "surface.executables",
    "surface.setuid",
    "surface.shells",
    "surface.package_managers",
    "size.files",
    "surface.compilers",
    "vulnerabilities.fixable",
    "posture.root",
)
"""The figures that say what was gained, the one that says most first."""
MAX_GAINED = 5


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure of one comparison, with its pointer."""

    id: str
    title: str
    group: str
    unit: str
    change: Json
    pointer: str


def rows(document: Json, number: int) -> Iterator[FigureRow]:
    """All figures of the comparison with that number, in the order of the scale."""
    figures = document["comparisons"][number]["figures"]
    for entry in document["scale"]:
        name = entry["id"]
        yield FigureRow(
            name,
            entry["title"],
            entry["group"],
            entry["unit"],
            figures[name],
            f"/comparisons/{number}/figures/{name}",
        )


def headline_rows(document: Json, number: int) -> list[FigureRow]:
    """The figures of a summary."""
    by_id = {row.id: row for row in rows(document, number)}
    return [by_id[name] for name in HEADLINES]


def gained_rows(document: Json, number: int) -> list[FigureRow]:
    """The first figures of GAINED that are known of both sides and are something on one."""
    by_id = {row.id: row for row in rows(document, number)}
    known = [
        by_id[name]
        for name in GAINED
        if by_id[name].change["verdict"] != UNKNOWN
        and (by_id[name].change["baseline"] or by_id[name].change["image"])
    ]
    return known[:MAX_GAINED]


def unknown_reasons(document: Json, number: int) -> list[tuple[str, list[str]]]:
    """Why figures of a summary are unknown: each reason with the titles of those it is of."""
    found: dict[str, list[str]] = {}
    for row in headline_rows(document, number):
        if row.change["verdict"] == UNKNOWN:
            found.setdefault(row.change["unknown"], []).append(row.title)
    return list(found.items())


def database_line(document: Json) -> str:
    """Which advisories the vulnerabilities rest on."""
    database = document["database"]
    if database is None:
        return "none: vulnerabilities were not compared"
    text = database["date"] or "no date"
    note = database.get("note") or ("stale" if database["stale"] else "")
    return f"{text} ({note})" if note else text
