"""The formats of a migration's report, by name; each module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironhull.migrate.model import Migration
from ironhull.reports.interface import Format, LazyFormat, by_name

Render = Callable[[Migration], str]


def _text() -> Render:
    from ironhull.migrate.reports.table import render

    return render


def _json() -> Render:
    from ironhull.migrate.reports.document import render

    return render


def _sarif() -> Render:
    from ironhull.migrate.reports.sarif import render

    return render


def _markdown() -> Render:
    from ironhull.migrate.reports.markdown import render

    return render


FORMATS: Mapping[str, Format[Migration]] = by_name(
    (
        LazyFormat("text", (".txt",), _text),
        LazyFormat("json", (".json",), _json),
        LazyFormat("sarif", (".sarif",), _sarif),
        LazyFormat("markdown", (".md",), _markdown),
    )
)
