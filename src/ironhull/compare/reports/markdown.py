"""The comparison as Markdown, for a pull request: the summary open, the lists folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ironhull.compare.reports.words import (
    UNKNOWN,
    Json,
    Row,
    amount,
    database_line,
    headline_rows,
    one_line,
    percent,
    rows,
    signed,
)

MAX_ROWS = 200
LIMIT = 60_000
"""Characters; code hosts refuse comments of 65,536."""
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
        lines += ["", "<details><summary>All figures</summary>", ""]
        lines += _figures(rows(document, number))
        lines += ["", "</details>", ""]
        lines += _packages(pair["packages"], limit)
        lines += _findings(pair["findings"], images[pair["image"]], limit)
        lines += _lists(pair, limit)
    lines += _remarks(images)
    lines += ["", f"Advisories of {escape(database_line(document))}. Made {document['made']}.", ""]
    commands = [one_line(command) for command in document["commands"]]
    # A fence must be longer than any run of its sign inside.
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", "\n".join(commands))), 0)
    lines += [f"{fence}sh", *commands, fence]
    return "\n".join(lines) + "\n"


def _figures(figures: Iterable[Row]) -> Iterator[str]:
    yield "| | Baseline | Image | Change | Of the baseline | |"
    yield "|---|---:|---:|---:|---:|---|"
    for row in figures:
        change = row.change
        unknown = change["verdict"] == UNKNOWN
        yield _row(
            row.title,
            amount(change["baseline"], row.unit),
            amount(change["image"], row.unit),
            "" if unknown else signed(change["difference"], row.unit),
            percent(change["percent"]),
            _MARKS.get(change["verdict"], "") + (f" {change['unknown']}" if unknown else ""),
        )


def _packages(packages: Json, limit: int) -> Iterator[str]:
    counts = ", ".join(f"{count} {name}" for name, count in packages["counts"].items())
    yield f"<details><summary>Packages: {counts}</summary>"
    yield ""
    yield "| | Package | Type | Before | After |"
    yield "|---|---|---|---|---|"
    entries = [
        *(_row("added", e["name"], e["type"], "", e["version"]) for e in packages["added"]),
        *(
            _row(e["direction"], e["name"], e["type"], e["before"], e["after"])
            for e in packages["versions"]
        ),
        *(_row("removed", e["name"], e["type"], e["version"], "") for e in packages["removed"]),
    ]
    yield from _cut(entries, limit)
    yield from ("", "</details>", "")


def _findings(findings: Json, image: Json, limit: int) -> Iterator[str]:
    if findings["counts"] is None:
        yield f"Vulnerabilities: unknown ({escape(findings['unknown'])})"
        yield ""
        return
    counts = findings["counts"]
    text = f"{counts['gone']} gone, {counts['new']} new, {counts['same']} in both"
    yield f"<details><summary>Vulnerabilities: {text}</summary>"
    yield ""
    left = [each for each in image["scan"]["findings"] if not each["suppressed"]]
    if left:
        yield "What the image has after VEX:"
        yield ""
        yield "| Vulnerability | Severity | Package | Installed | What to do |"
        yield "|---|---|---|---|---|"
        entries = [
            _row(e["id"], e["severity"], e["package"], e["version"], e["advice"]) for e in left
        ]
        yield from _cut(entries, limit)
    yield from ("", "</details>", "")


def _lists(pair: Json, limit: int) -> Iterator[str]:
    entries = [
        _row(change["subject"], kind, text)
        for change in (*pair["surface"], *pair["lists"])
        for kind in ("added", "removed")
        for text in change[kind]
    ]
    entries += [
        _row(
            each["subject"], "changed", f"{each['baseline'] or 'none'} → {each['image'] or 'none'}"
        )
        for each in pair["config"]
    ]
    if entries:
        yield "<details><summary>Attack surface and configuration</summary>"
        yield from ("", "| | | |", "|---|---|---|")
        yield from _cut(entries, limit)
        yield from ("", "</details>", "")


def _remarks(images: Iterable[Json]) -> Iterator[str]:
    for image in images:
        warnings = [
            f"**{each['kind']}** {escape(each['subject'])}: {escape(each['message'])}"
            for each in image["scan"]["warnings"]
        ]
        leaks = image["leaks"]
        if leaks is not None:
            warnings.append(f"{len(leaks['found'])} traces of the build in {leaks['files']} files")
            warnings += [
                f"{escape(each['kind'])}: {escape(each['subject'])}" for each in leaks["found"][:20]
            ]
        if warnings:
            yield f"Of {escape(image['name'])}:"
            yield ""
            yield from (f"- {warning}" for warning in warnings)
            yield ""


def _cut(entries: list[str], limit: int) -> Iterator[str]:
    yield from entries[:limit]
    if len(entries) > limit:
        yield ""
        yield f"… and {len(entries) - limit} more (`--format json` has all)"


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"


def escape(text: str) -> str:
    """One line that cannot end a cell, begin a tag, a link, code or a mention."""
    clean = one_line(text)
    for special in "\\|`*_[]":
        clean = clean.replace(special, f"\\{special}")
    for special, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        clean = clean.replace(special, written)
    return clean
