"""OpenVEX 0.2.0: what the result says about every finding, as a document others can use."""

from __future__ import annotations

from ironhull.reports.text import shown_json
from ironhull.scan.statements import openvex, statements_of
from ironhull.scan.summary import ScanReport


def render(report: ScanReport) -> str:
    """One document about the image; the same result gives the same bytes."""
    statements = statements_of(report.result, report.findings)
    return shown_json(openvex(report.result, statements))
