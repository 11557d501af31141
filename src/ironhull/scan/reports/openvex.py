"""OpenVEX 0.2.0: what the result says about every finding, as a document others can use."""

from __future__ import annotations

from ironhull.reports.text import shown_json
from ironhull.scan.model import ScanResult
from ironhull.scan.statements import openvex, statements_of
from ironhull.scan.view import View


def render(result: ScanResult, view: View) -> str:
    """One document about the image; the same result gives the same bytes."""
    return shown_json(openvex(result, statements_of(result, view.findings(result))))
