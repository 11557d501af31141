"""The comparison as JSON."""

from __future__ import annotations

from ironhull.compare.document import dumps
from ironhull.compare.reports.words import Json


def render(document: Json) -> str:
    """The whole document (docs/compare-report.schema.json)."""
    return dumps(dict(document))
