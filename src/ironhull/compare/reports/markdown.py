"""The comparison as Markdown, for a pull request: the summary open, the lists folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ironhull.compare.reports.words import FigureRow, Json, database_line, headline_rows, rows
from ironhull.reports.markdown import cut, escape, fence, folded, text_row
from ironhull.reports.words import UNKNOWN, amount, percent, signed, tally

MAX_ROWS = 200
LIMIT = 60_000
"""Characters; code hosts refuse comments of 65,536."""
_REST = " (`--format json` has all)"
_MARKS = {"better": "✅", "worse": "❌", "unknown": "❓"}


def render(document: Json) -> str:
    """One heading for each compared image; cut with a note where a comment would be too long."""
    text = _whole(document, MAX_ROWS)
    for limit in (50, 10, 0):
        if len(text) <= LIMIT:
            break
        text = _whole(document, limit)
    return text


def _whole(document: Json, limit: int) -> str:
    images = document["images"]
    lines: list[str] = []
    for number, pair in enumerate(document["comparisons"]):
        name, baseline = images[pair["image"]]["name"], images[0]["name"]
        lines += [f"## {escape(name)} compared with {escape(baseline)}", ""]
        lines += _figures(headline_rows(document, number))
        lines += ["", *folded("All figures", _figures(rows(document, number)))]
        lines += _packages(pair["packages"], limit)
        lines += _findings(pair["findings"], images[pair["image"]], limit)
        lines += _lists(pair, limit)
    lines += _remarks(images)
    lines += ["", f"Advisories of {escape(database_line(document))}. Made {document['made']}.", ""]
    lines += fence(document["commands"], "sh")
    return "\n".join(lines) + "\n"


def _figures(figures: Iterable[FigureRow]) -> Iterator[str]:
    yield "| | Baseline | Image | Change | Of the baseline | |"
    yield "|---|---:|---:|---:|---:|---|"
    for row in figures:
        change = row.change
        unknown = change["verdict"] == UNKNOWN
        yield text_row(
            row.title,
            amount(change["baseline"], row.unit),
            amount(change["image"], row.unit),
            "" if unknown else signed(change["difference"], row.unit),
            percent(change["percent"]),
            _MARKS.get(change["verdict"], "") + (f" {change['unknown']}" if unknown else ""),
        )


def _packages(packages: Json, limit: int) -> list[str]:
    counts = ", ".join(f"{count} {name}" for name, count in packages["counts"].items())
    entries = [
        *(text_row("added", e["name"], e["type"], "", e["version"]) for e in packages["added"]),
        *(
            text_row(e["direction"], e["name"], e["type"], e["before"], e["after"])
            for e in packages["versions"]
        ),
        *(text_row("removed", e["name"], e["type"], e["version"], "") for e in packages["removed"]),
    ]
    heads = ("| | Package | Type | Before | After |", "|---|---|---|---|---|")
    return folded(f"Packages: {counts}", [*heads, *cut(entries, limit, _REST)])


def _findings(findings: Json, image: Json, limit: int) -> list[str]:
    if findings["counts"] is None:
        return [f"Vulnerabilities: unknown ({escape(findings['unknown'])})", ""]
    counts = findings["counts"]
    text = f"{counts['gone']} gone, {counts['new']} new, {counts['same']} in both"
    lines: list[str] = []
    left = [each for each in image["scan"]["findings"] if not each["suppressed"]]
    if left:
        lines += [
            "What the image has after VEX:",
            "",
            "| Vulnerability | Severity | Package | Installed | What to do |",
            "|---|---|---|---|---|",
        ]
        entries = [
            text_row(e["id"], e["severity"], e["package"], e["version"], e["advice"]) for e in left
        ]
        lines += cut(entries, limit, _REST)
    return folded(f"Vulnerabilities: {text}", lines)


def _lists(pair: Json, limit: int) -> list[str]:
    entries = [
        text_row(change["subject"], kind, text)
        for change in (*pair["surface"], *pair["lists"])
        for kind in ("added", "removed")
        for text in change[kind]
    ]
    entries += [
        text_row(
            each["subject"], "changed", f"{each['baseline'] or 'none'} → {each['image'] or 'none'}"
        )
        for each in pair["config"]
    ]
    if not entries:
        return []
    heads = ("| | | |", "|---|---|---|")
    return folded("Attack surface and configuration", [*heads, *cut(entries, limit, _REST)])


def _remarks(images: Iterable[Json]) -> Iterator[str]:
    for image in images:
        warnings = [
            f"**{each['kind']}** {escape(each['subject'])}: {escape(each['message'])}"
            for each in image["scan"]["warnings"]
        ]
        leaks = image["leaks"]
        if leaks is not None:
            warnings.append(
                f"{tally(leaks['found'], 'trace')} of the build in {tally(leaks['files'], 'file')}"
            )
            warnings += [
                f"{escape(each['kind'])}: {escape(each['subject'])}" for each in leaks["found"][:20]
            ]
        if warnings:
            yield f"Of {escape(image['name'])}:"
            yield ""
            yield from (f"- {warning}" for warning in warnings)
            yield ""
