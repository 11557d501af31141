"""The formats of a scan's report, by name; each module is imported when it is asked for.

So an import stands in each function below: a scan that prints a table must not wait for the
template engine of the HTML page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironhull.reports.interface import Format, LazyFormat, by_name
from ironhull.scan.summary import ScanReport

Render = Callable[[ScanReport], str]


def _table() -> Render:
    from ironhull.scan.reports.table import render

    return render


def _json() -> Render:
    from ironhull.scan.document import render

    return render


def _sarif() -> Render:
    from ironhull.scan.reports.sarif import render

    return render


def _cyclonedx() -> Render:
    from ironhull.scan.reports.cyclonedx import render

    return render


def _openvex() -> Render:
    from ironhull.scan.reports.openvex import render

    return render


def _junit() -> Render:
    from ironhull.scan.reports.junit import render

    return render


def _markdown() -> Render:
    from ironhull.scan.reports.markdown import render

    return render


def _html() -> Render:
    from ironhull.scan.reports.html import render

    return render


FORMATS: Mapping[str, Format[ScanReport]] = by_name(
    (
        LazyFormat("table", (".txt",), _table),
        LazyFormat("json", (".json",), _json),
        LazyFormat("sarif", (".sarif",), _sarif),
        LazyFormat("cyclonedx", (".cdx.json",), _cyclonedx),
        LazyFormat("openvex", (".openvex.json",), _openvex),
        LazyFormat("junit", (".xml",), _junit),
        LazyFormat("markdown", (".md",), _markdown),
        LazyFormat("html", (".html", ".htm"), _html),
    )
)
