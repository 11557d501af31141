"""One HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from ironhull.reports.page import rendered
from ironhull.scan.model import by_severity
from ironhull.scan.summary import ScanReport, headline, summary


def render(report: ScanReport) -> str:
    """The page. Everything that comes from outside is escaped by the template engine."""
    result = report.result
    return rendered(
        "ironhull.scan.reports",
        "report.html",
        result=result,
        headline=headline(result),
        counts=summary(result),
        raw=by_severity(result.findings),
        after_vex=by_severity(result.open),
        findings=report.findings,
    )
