"""The formats of a comparison's report, by name; each module is imported when it is asked for.

So an import stands in each function below: a table must not wait for the template engine of the
HTML page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironhull.compare.reports.words import Json
from ironhull.reports.interface import Format, LazyFormat, by_name

Render = Callable[[Json], str]


def _table() -> Render:
    from ironhull.compare.reports.table import render

    return render


def _json() -> Render:
    from ironhull.compare.reports.document import render

    return render


def _markdown() -> Render:
    from ironhull.compare.reports.markdown import render

    return render


def _html() -> Render:
    from ironhull.compare.reports.html import render

    return render


def _badge() -> Render:
    from ironhull.compare.reports.badge import render

    return render


FORMATS: Mapping[str, Format[Json]] = by_name(
    (
        LazyFormat("table", (".txt",), _table),
        LazyFormat("json", (".json",), _json),
        LazyFormat("markdown", (".md",), _markdown),
        LazyFormat("html", (".html", ".htm"), _html),
        LazyFormat("badge", (".svg",), _badge),
    )
)
