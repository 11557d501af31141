"""The report for a terminal."""

from __future__ import annotations

from ironhull.reports.table import columns
from ironhull.reports.text import harmless, one_line
from ironhull.scan.model import Finding, by_severity
from ironhull.scan.summary import ScanReport, counted, headline

HEADINGS = ("VULNERABILITY", "SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN", "STATE", "EPSS", "")
LIMIT = 40
"""Characters of a version or name."""


def render(report: ScanReport) -> str:
    """Findings, the worst first, then the counts and everything that qualifies them."""
    result = report.result
    rows = [_row(finding) for finding in report.shown]
    lines = [*columns([HEADINGS, *rows]), ""] if rows else []
    lines.append(headline(result))
    if result.findings:
        lines.append(f"raw:       {counted(by_severity(result.findings))}")
        lines.append(f"after VEX: {counted(by_severity(result.open))}")
    lines.extend(f"{each.kind}: {each.subject}: {each.message}" for each in result.warnings)
    lines.extend(
        f"not matched: {each.package} {each.version} ({each.location}): {each.reason}"
        for each in result.unmatched[:20]
    )
    if len(result.unmatched) > 20:
        lines.append(f"not matched: and {len(result.unmatched) - 20} more (--json lists them)")
    lines.append(f"database: {result.database.date or 'empty'}")
    return "\n".join(map(harmless, lines)) + "\n"


def _row(finding: Finding) -> tuple[str, ...]:
    marks = []
    if finding.kev:
        marks.append("KEV")
    if finding.accepted is not None:
        marks.append(f"accepted until {finding.accepted.expires}")
    if finding.vex is not None:
        marks.append(finding.vex.status)
    if finding.unknown:
        marks.append(finding.unknown)
    epss = f"{finding.epss:.3f}" if finding.epss is not None else ""
    fixed = finding.fixed_version
    if finding.fix_suite:
        fixed += f" ({finding.fix_suite})"
    return (
        finding.id,
        finding.severity,
        one_line(finding.package, LIMIT),
        one_line(finding.version, LIMIT),
        fixed,
        finding.fix_state.value,
        epss,
        ", ".join(marks),
    )
