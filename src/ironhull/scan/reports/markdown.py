"""Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from ironhull.scan.model import Finding, ScanResult, by_severity
from ironhull.scan.reports.table import printable
from ironhull.scan.view import View, counted, headline

MAX_ROWS = 500


def render(result: ScanResult, view: View) -> str:
    """Counts, warnings, and a table of what is open."""
    shown = view.shown(result)
    lines = [
        f"## {_text(headline(result))}",
        "",
        "| | |",
        "|---|---|",
        f"| Image | `{_text(result.digest or result.image)}` |",
        f"| Distribution | {_text(result.distribution_name or result.distribution)} |",
        f"| Raw | {counted(by_severity(result.findings))} |",
        f"| After VEX | {counted(by_severity(result.open))} |",
        f"| Advisories of | {result.database.date or 'no date'} |",
        "",
    ]
    lines += [
        f"> **{each.kind}** {_text(each.subject)}: {_text(each.message)}  "
        for each in result.warnings
    ]
    if shown:
        lines += [
            "",
            "| Vulnerability | Severity | Package | Installed | Fixed in | State | EPSS | |",
            "|---|---|---|---|---|---|---:|---|",
            *(_row(finding) for finding in shown[:MAX_ROWS]),
        ]
    if len(shown) > MAX_ROWS:
        lines += ["", f"… and {len(shown) - MAX_ROWS} more"]
    if result.unmatched:
        lines += ["", f"### Not matched ({len(result.unmatched)})", ""]
        lines += [
            f"- `{_text(each.package)}` {_text(each.version)}: {_text(each.reason)}"
            for each in result.unmatched[:MAX_ROWS]
        ]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    marks = ["**KEV**"] if finding.kev else []
    if finding.accepted is not None:
        marks.append(f"accepted until {finding.accepted.expires}")
    if finding.vex is not None:
        marks.append(finding.vex.status)
    cells = (
        finding.id,
        finding.severity,
        f"`{_text(finding.package)}`",
        finding.version,
        finding.fixed_version,
        finding.fix_state.value,
        "" if finding.epss is None else f"{finding.epss:.3f}",
    )
    return "| " + " | ".join([*map(_text, cells), ", ".join(map(_text, marks))]) + " |"


def _text(value: str) -> str:
    """One line that cannot end a cell or begin a tag."""
    clean = printable(" ".join(value.split()))
    for special, written in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), (">", "&gt;")):
        clean = clean.replace(special, written)
    return clean
