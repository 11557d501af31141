"""The report for a terminal."""

from __future__ import annotations

from ironhull.scan.model import Finding, ScanResult, by_severity
from ironhull.scan.view import View, counted, headline

HEADINGS = ("VULNERABILITY", "SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN", "STATE", "EPSS", "")
LIMIT = 40
"""Characters of a version or name."""


def render(result: ScanResult, view: View) -> str:
    """Findings, the worst first, then the counts and everything that qualifies them."""
    rows = [_row(finding) for finding in view.shown(result)]
    lines = [*_table(rows), ""] if rows else []
    lines.append(headline(result))
    if result.findings:
        lines.append(f"raw:       {counted(by_severity(result.findings))}")
        lines.append(f"after VEX: {counted(by_severity(result.open))}")
    for kind, subject, message in _grouped_caveats(result):
        lines.append(f"{kind}: {subject}: {message}")
    lines.extend(
        f"not matched: {each.package} {each.version} ({each.location}): {each.reason}"
        for each in result.unmatched[:20]
    )
    if len(result.unmatched) > 20:
        lines.append(f"not matched: and {len(result.unmatched) - 20} more (--json lists them)")
    lines.append(f"database: {result.database.date or 'empty'}")
    return "\n".join(printable(line) for line in lines) + "\n"


def _grouped_caveats(result: ScanResult) -> list[tuple[str, str, str]]:
    return [(each.kind, each.subject, each.message) for each in result.warnings]


def _row(finding: Finding) -> tuple[str, ...]:
    marks = []
    if finding.kev:
        marks.append("KEV")
    if finding.accepted is not None:
        marks.append(f"accepted until {finding.accepted.expires}")
    if finding.vex is not None:
        marks.append(finding.vex.status)
    epss = f"{finding.epss:.3f}" if finding.epss is not None else ""
    fixed = finding.fixed_version
    if finding.fix_suite:
        fixed += f" ({finding.fix_suite})"
    return (
        finding.id,
        finding.severity,
        _cut(finding.package),
        _cut(finding.version),
        fixed,
        finding.fix_state.value,
        epss,
        ", ".join(marks),
    )


def printable(text: str) -> str:
    """Text of a stranger's image without what a terminal would obey."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _cut(text: str) -> str:
    clean = printable(text)
    return clean if len(clean) <= LIMIT else f"{clean[: LIMIT - 1]}…"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[at]) for row in (HEADINGS, *rows)) for at in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADINGS, *rows)
    ]
