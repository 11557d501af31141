"""How figures are written for people, and where in the JSON document they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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

UNKNOWN = "unknown"


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; KeyError or IndexError if it leads nowhere."""
    value = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def amount(value: int | None, unit: str) -> str:
    """`1,234`, `36.2 MB`, `12 days`; `unknown` for None."""
    if value is None:
        return UNKNOWN
    if unit == "bytes":
        return size(value)
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "days":
        return "1 day" if value == 1 else f"{value:,} days"
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes as registries show them, in powers of ten."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(value) >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} B"


def signed(value: int | None, unit: str) -> str:
    """A difference: with a sign, `±0` for none."""
    if value is None:
        return UNKNOWN
    if unit == "flag":
        return ""
    if not value:
        return "±0"
    return f"{'+' if value > 0 else '−'}{amount(abs(value), unit)}"


def percent(value: float | None) -> str:
    """`−73.2 %`; empty where there is nothing to divide by."""
    if value is None:
        return ""
    sign = "−" if value < 0 else "+" if value > 0 else "±"
    return f"{sign}{abs(value):.1f} %"


def one_line(text: str) -> str:
    """Text of a stranger's image as one line without what a terminal would obey."""
    joined = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in joined
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one comparison, with its pointer."""

    id: str
    title: str
    group: str
    unit: str
    change: Json
    pointer: str


def rows(document: Json, number: int) -> Iterator[Row]:
    """All figures of the comparison with that number, in the order of the scale."""
    figures = document["comparisons"][number]["figures"]
    for entry in document["scale"]:
        name = entry["id"]
        yield Row(
            name,
            entry["title"],
            entry["group"],
            entry["unit"],
            figures[name],
            f"/comparisons/{number}/figures/{name}",
        )


def headline_rows(document: Json, number: int) -> list[Row]:
    """The figures of a summary."""
    by_id = {row.id: row for row in rows(document, number)}
    return [by_id[name] for name in HEADLINES]


def database_line(document: Json) -> str:
    """Which advisories the vulnerabilities rest on."""
    database = document["database"]
    if database is None:
        return "none: vulnerabilities were not compared"
    text = database["date"] or "no date"
    return f"{text} (older than allowed)" if database["stale"] else text
