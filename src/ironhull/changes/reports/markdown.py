"""The changelog as Markdown, for a pull request or a release's page."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.changes.document import Json
from ironhull.changes.reports.words import bases, figures, name_of, of_finding, summary
from ironhull.reports.markdown import cut, escape, fence, folded, text_row

LIMIT = 60_000
"""Characters; code hosts refuse comments of 65,536."""
_REST = " (`--format json` has all)"


def render(document: Json) -> str:
    """The summary open, the maintainers' words folded; cut with a note where it would be long."""
    for limit in (400, 60, 10):
        text = "\n".join(_lines(document, limit)) + "\n"
        if len(text) <= LIMIT:
            break
    return text


def _lines(document: Json, limit: int) -> Iterator[str]:
    yield f"## {escape(document['image'])}"
    yield ""
    yield escape(summary(document)) + "."
    yield ""
    yield f"From {escape(name_of(document['before']))} to {escape(name_of(document['after']))}."
    yield ""
    yield "| | Before | After |"
    yield "|---|---:|---:|"
    yield from (text_row(*each) for each in figures(document))
    yield ""
    if moved := list(bases(document)):
        yield "| Made from | Before | After |"
        yield "|---|---|---|"
        yield from cut([text_row(*each) for each in moved], limit, _REST)
        yield ""
    elif document["bases"]["moved"] is None:
        yield f"Made from: unknown ({escape(document['bases']['unknown'])})."
        yield ""
    yield from _vulnerabilities(document["vulnerabilities"], limit)
    yield from _packages(document["packages"], limit)
    for source in document["sources"]:
        yield from _source(source, limit)


def _vulnerabilities(found: Json, limit: int) -> Iterator[str]:
    if found["fixed"] is None:
        yield f"Vulnerabilities: unknown ({escape(found['unknown'])})."
        yield ""
        return
    for name, title in (("fixed", "Fixed"), ("new", "New")):
        if found[name]:
            yield f"**{title}**"
            yield ""
            yield from cut([f"- {escape(of_finding(each))}" for each in found[name]], limit, _REST)
            yield ""


def _packages(packages: Json, limit: int) -> Iterator[str]:
    rows = [text_row(each["name"], each["before"], each["after"]) for each in packages["changed"]]
    rows += [text_row(each["name"], "", each["version"]) for each in packages["added"]]
    rows += [text_row(each["name"], each["version"], "") for each in packages["removed"]]
    if rows:
        yield "| Package | Before | After |"
        yield "|---|---|---|"
        yield from cut(rows, limit, _REST)
        yield ""


def _source(source: Json, limit: int) -> Iterator[str]:
    # The summary is HTML; names of packages and versions have no sign that acts there.
    head = f"{source['name']} {source['before']} → {source['after']}"
    if source["entries"] is None:
        yield f"{escape(head)}: changelog unknown ({escape(source['unknown'])})."
        yield ""
        return
    lines = [
        line
        for entry in source["entries"]
        for line in (f"{entry['version']} ({' '.join(entry['suites'])})", *entry["text"], "")
    ]
    kept = lines[:-1] if len(lines) <= limit else [*lines[:limit], f"… {_REST.strip()}"]
    yield from folded(escape(head), fence(kept, "text"))
