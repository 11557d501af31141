"""One HTML page that needs nothing else, with a table that filters, sorts and pages."""

from __future__ import annotations

from ironhull.reports.page import page
from ironhull.scan.model import FIXABLE, SEVERITIES, by_severity
from ironhull.scan.summary import ScanReport, headline, summary


def render(report: ScanReport) -> str:
    """The page. Everything that comes from outside is escaped by the template engine."""
    result = report.result
    return page(
        "ironhull.scan.reports",
        "report.html",
        result=result,
        headline=headline(result),
        counts=summary(result),
        raw=by_severity(result.findings),
        after_vex=by_severity(result.open),
        findings=report.findings,
        severities=SEVERITIES,
        fixable=[state.value for state in FIXABLE],
        states=list(dict.fromkeys(each.fix_state.value for each in report.findings)),
    )
