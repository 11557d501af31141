"""The comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.compare.reports.words import Json, database_line, rows
from ironhull.reports.table import columns
from ironhull.reports.text import harmless, one_line
from ironhull.reports.words import UNKNOWN, amount, percent, signed, tally

_SHOWN = 12
_WIDTH = 44


def render(document: Json) -> str:
    """The scale first, then what changed, then what qualifies it."""
    images = document["images"]
    lines = [f"baseline: {_image(images[0])}"]
    for number, pair in enumerate(document["comparisons"]):
        lines += ["", f"image:    {_image(images[pair['image']])}", ""]
        lines += _figures(document, number)
        lines += ["", *_changes(document, number)]
    for image in images:
        lines += _remarks(image)
    lines += ["", f"advisories of: {database_line(document)}"]
    lines += [f"again: {command}" for command in document["commands"]]
    return "\n".join(map(harmless, lines)) + "\n"


def _image(image: Json) -> str:
    digest = (image["digest"] or image["manifest"] or "")[:19]
    name = image["distribution_name"] or "unknown distribution"
    return f"{image['name']}  {digest}  {name}".rstrip()


def _figures(document: Json, number: int) -> list[str]:
    cells = [("", "BASELINE", "IMAGE", "CHANGE", "OF BASELINE", "")]
    for row in rows(document, number):
        change = row.change
        if change["baseline"] == change["image"] == 0:
            continue
        cells.append(
            (
                row.title,
                amount(change["baseline"], row.unit),
                amount(change["image"], row.unit),
                "" if change["verdict"] == UNKNOWN else signed(change["difference"], row.unit),
                percent(change["percent"]),
                "" if change["verdict"] in ("same", "changed") else change["verdict"],
            )
        )
    return columns(cells, right=range(1, 5))


def _changes(document: Json, number: int) -> Iterator[str]:
    pair = document["comparisons"][number]
    packages = pair["packages"]
    counts = packages["counts"]
    yield "packages: " + ", ".join(f"{count} {name}" for name, count in counts.items())
    for name, sign in (("added", "+"), ("removed", "-")):
        if packages[name]:
            yield f"  {sign} " + _some(
                [f"{each['name']} {each['version']}" for each in packages[name]]
            )
    for each in packages["versions"][:_SHOWN]:
        yield f"  {each['direction']}: {each['name']} {each['before']} -> {each['after']}"
    findings = pair["findings"]
    if findings["counts"] is None:
        yield f"findings: unknown ({findings['unknown']})"
    else:
        yield "findings: " + ", ".join(
            f"{count} {name}" for name, count in findings["counts"].items()
        )
    for change in (*pair["surface"], *pair["lists"]):
        for name, sign in (("added", "+"), ("removed", "-")):
            if change[name]:
                yield f"{change['subject']}: {sign} {_some(change[name])}"
    for change in pair["config"]:
        before, after = change["baseline"] or "none", change["image"] or "none"
        yield f"{change['subject']}: {before} -> {after}"
    layers = pair["layers"]
    if layers["shared"] is not None:
        pull = amount(layers["pull"], "bytes")
        pull += f" ({layers['unknown']})" if layers["pull"] is None else ""
        yield f"layers: {layers['shared']} shared; to pull with the baseline there: {pull}"


def _some(texts: list[str]) -> str:
    shown = ", ".join(one_line(text, _WIDTH) for text in texts[:_SHOWN])
    return f"{shown} and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else shown


def _remarks(image: Json) -> Iterator[str]:
    yield ""
    yield f"{image['name']}:"
    for name, reason in sorted(set(_unknowns(image))):
        yield f"  {name}: unknown: {reason}"
    life = image["end_of_life"]
    for each in life["items"]:
        until = each["ends"] or "unknown"
        more = f", long-term {each['long_term']}" if each["long_term"] else ""
        note = f" ({each['note']})" if each["note"] else ""
        yield f"  {each['subject']} is maintained until {until}{more}{note}"
    attached = image["attached"]
    if attached["known"]:
        kinds = [f"{each['kind']} {each['type']}" for each in attached["items"]]
        yield f"  attached: {_some(kinds) if kinds else 'nothing'}"
    for each in image["scan"]["warnings"]:
        yield f"  {each['kind']}: {each['subject']}: {each['message']}"
    yield from _leaks(image["leaks"])
    for each in image["remarks"]:
        yield f"  not read: {each['location']}: {each['message']}"


def _unknowns(image: Json) -> Iterator[tuple[str, str]]:
    """Groups of figures with the reason why they are unknown."""
    for name, reason in image["unknown"].items():
        if name != "posture.leaks":
            yield name.partition(".")[0] if name.startswith(("vuln", "attached")) else name, reason


def _leaks(leaks: Json | None) -> Iterator[str]:
    if leaks is None:
        return
    yield f"  traces of the build: {len(leaks['found'])} in {tally(leaks['files'], 'file')}"
    for each in leaks["found"][:_SHOWN]:
        yield f"    {each['kind']}: {each['subject']} ({each['detail']})"
    if len(leaks["found"]) > _SHOWN:
        yield f"    and {len(leaks['found']) - _SHOWN} more"
    if leaks["notes"]:
        yield f"    inside of dependencies, not counted: {len(leaks['notes'])}"
    if leaks["stage"]:
        yield (
            f"    build stage {leaks['stage']}: of its {tally(leaks['stage_packages'], 'package')}"
            f" {leaks['stage_shared']} are in the image, and {leaks['stage_copied']} of its files"
        )
    for path in leaks["unread"]:
        yield f"    not read: {path}"
