"""The changelog for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.changes.document import Json
from ironhull.changes.reports.words import bases, figures, name_of, of_finding, summary
from ironhull.reports.table import columns
from ironhull.reports.text import harmless
from ironhull.reports.words import tally

MAX_TEXT = 40
"""Lines of one entry that are shown; the JSON has all."""


def render(document: Json) -> str:
    """What it is a changelog of, the chief figures, then vulnerabilities, packages, their words."""
    return "\n".join(map(harmless, _lines(document))) + "\n"


def _lines(document: Json) -> Iterator[str]:
    yield f"{document['image']}: {summary(document)}"
    yield f"before: {name_of(document['before'])}"
    yield f"after:  {name_of(document['after'])}"
    yield ""
    yield from columns([(title, before, "→", after) for title, before, after in figures(document)])
    if moved := list(bases(document)):
        yield ""
        yield "made from:"
        yield from (f"  {name} {before} → {after}" for name, before, after in moved)
    elif document["bases"]["moved"] is None:
        yield f"made from: unknown ({document['bases']['unknown']})"
    found = document["vulnerabilities"]
    if found["fixed"] is None:
        yield f"vulnerabilities: unknown ({found['unknown']})"
    else:
        for name, word in (("fixed", "fixed"), ("new", "new")):
            if found[name]:
                yield ""
                yield f"{word}:"
                yield from (f"  {of_finding(each)}" for each in found[name])
    yield from _packages(document["packages"])
    for name in ("surface", "settings"):
        yield from _others(document[name])
    for source in document["sources"]:
        yield from _source(source)


def _packages(packages: Json) -> Iterator[str]:
    rows = [(each["name"], each["before"], "→", each["after"]) for each in packages["changed"]]
    rows += [(each["name"], "", "+", each["version"]) for each in packages["added"]]
    rows += [(each["name"], each["version"], "-", "") for each in packages["removed"]]
    if rows:
        yield ""
        yield "packages:"
        yield from (f"  {line}" for line in columns(rows))


def _others(changes: list[Json]) -> Iterator[str]:
    for each in changes:
        if "added" in each:
            signs = [f"+ {text}" for text in each["added"]]
            signs += [f"- {text}" for text in each["removed"]]
            yield f"{each['name']}: {', '.join(signs[:10])}" + (" …" if len(signs) > 10 else "")
        else:
            yield f"{each['name']}: {each['before'] or 'none'} → {each['after'] or 'none'}"


def _source(source: Json) -> Iterator[str]:
    yield ""
    yield f"{source['name']} {source['before']} → {source['after']}"
    if source["entries"] is None:
        yield f"  changelog unknown: {source['unknown']}"
        return
    for entry in source["entries"]:
        urgency = f", urgency {entry['urgency']}" if entry["urgency"] else ""
        yield f"  {entry['version']} ({' '.join(entry['suites'])}{urgency}) {entry['date']}"
        yield from (f"    {line}" for line in entry["text"][:MAX_TEXT])
        if len(entry["text"]) > MAX_TEXT:
            left = tally(len(entry["text"]) - MAX_TEXT, "line")
            yield f"    … and {left} more (--format json has all)"
