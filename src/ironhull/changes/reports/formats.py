"""The forms of a changelog by name; each module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironhull.changes.document import Json
from ironhull.reports.interface import Format, LazyFormat, by_name

Render = Callable[[Json], str]


def _text() -> Render:
    from ironhull.changes.reports.text import render

    return render


def _json() -> Render:
    from ironhull.reports.json_text import json_text

    return lambda document: json_text(document) + "\n"


def _markdown() -> Render:
    from ironhull.changes.reports.markdown import render

    return render


def _atom() -> Render:
    from ironhull.changes.reports.atom import render

    return render


FORMATS: Mapping[str, Format[Json]] = by_name(
    (
        LazyFormat("text", (".txt",), _text),
        LazyFormat("json", (".json",), _json),
        LazyFormat("markdown", (".md",), _markdown),
        LazyFormat("atom", (".atom", ".xml"), _atom),
    )
)
