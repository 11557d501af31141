"""Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from ironhull.reports.markdown import code, cut, escape, row, text_row
from ironhull.scan.model import Finding, by_severity
from ironhull.scan.summary import ScanReport, counted, headline

MAX_ROWS = 500


def render(report: ScanReport) -> str:
    """Counts, warnings, and a table of what is open."""
    result = report.result
    shown = report.shown
    lines = [
        f"## {escape(headline(result))}",
        "",
        "| | |",
        "|---|---|",
        row("Image", code(result.digest or result.image)),
        text_row("Distribution", result.distribution_name or result.distribution),
        text_row("Raw", counted(by_severity(result.findings))),
        text_row("After VEX", counted(by_severity(result.open))),
        text_row("Advisories of", result.database.date or "no date"),
        "",
    ]
    lines += [
        f"> **{each.kind}** {escape(each.subject)}: {escape(each.message)}  "
        for each in result.warnings
    ]
    if shown:
        lines += [
            "",
            "| Vulnerability | Severity | Package | Installed | Fixed in | State | EPSS | |",
            "|---|---|---|---|---|---|---:|---|",
            *cut([_row(finding) for finding in shown], MAX_ROWS),
        ]
    if result.unmatched:
        lines += ["", f"### Not matched ({len(result.unmatched)})", ""]
        lines += [
            f"- {code(each.package)} {escape(each.version)}: {escape(each.reason)}"
            for each in result.unmatched[:MAX_ROWS]
        ]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    marks = ["**KEV**"] if finding.kev else []
    if finding.accepted is not None:
        marks.append(escape(f"accepted until {finding.accepted.expires}"))
    if finding.vex is not None:
        marks.append(escape(finding.vex.status))
    if finding.unknown:
        marks.append(escape(finding.unknown))
    return row(
        escape(finding.id),
        escape(finding.severity),
        code(finding.package),
        escape(finding.version),
        escape(finding.fixed_version),
        escape(finding.fix_state.value),
        "" if finding.epss is None else f"{finding.epss:.3f}",
        ", ".join(marks),
    )
