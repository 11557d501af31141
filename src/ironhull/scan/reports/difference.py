"""What changed between an older result and a new one, as lines for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.reports.table import table
from ironhull.scan.diff import ResultDiff
from ironhull.scan.document import finding_json
from ironhull.scan.model import Finding, ScanResult
from ironhull.scan.old_report import OldFinding
from ironhull.scan.summary import headline

_HEADINGS = ("", "VULNERABILITY", "SEVERITY", "PACKAGE", "VERSION", "FIXED IN")


def difference_lines(diff: ResultDiff, result: ScanResult) -> Iterator[str]:
    """A table of what is new, fixable now and gone, then the counts."""
    rows = [
        *(_row("new", finding) for finding in diff.new),
        *(_row("fixable now", finding) for finding in diff.fixable_now),
        *(_row("gone", finding) for finding in diff.gone),
    ]
    if rows:
        yield from table(_HEADINGS, rows)
    yield (
        f"{len(diff.new)} new, {len(diff.fixable_now)} fixable now, {len(diff.gone)} gone,"
        f" {diff.same} the same since {diff.older}"
    )
    yield headline(result)


def _row(kind: str, finding: Finding | OldFinding) -> list[str]:
    return [
        kind,
        finding.id,
        finding.severity,
        finding.package,
        finding.version,
        finding.fixed_version,
    ]


def difference_json(diff: ResultDiff, result: ScanResult) -> dict[str, object]:
    """What is new, fixable now and gone, as one JSON object."""
    return {
        "image": result.image,
        "older": diff.older,
        "new": [finding_json(finding) for finding in diff.new],
        "fixable_now": [finding_json(finding) for finding in diff.fixable_now],
        "gone": [
            {"id": each.id, "package": each.package, "version": each.version, "type": each.type}
            for each in diff.gone
        ],
        "same": diff.same,
    }
