"""Prints what changed between an older result and a new one."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.output import print_json, table
from ironhull.errors import InputError
from ironhull.scan.diff import ResultDiff, compare_results
from ironhull.scan.model import Finding, ScanResult
from ironhull.scan.reports.document import OldFinding, finding_json, read_report
from ironhull.scan.summary import headline


def print_diff(older: Path, result: ScanResult, form: str) -> None:
    """As a table, or as JSON."""
    if form not in ("table", "json"):
        raise InputError(f"--diff prints a table or JSON, not {form}")
    try:
        data = older.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {older}: {error.strerror}") from None
    diff = compare_results(read_report(data, str(older)), result)
    if form == "json":
        print_json(_json(diff, result))
        return
    rows = [
        *(_row("new", finding) for finding in diff.new),
        *(_row("fixable now", finding) for finding in diff.fixable_now),
        *(_row("gone", finding) for finding in diff.gone),
    ]
    if rows:
        click.echo(table(["", "VULNERABILITY", "SEVERITY", "PACKAGE", "VERSION", "FIXED IN"], rows))
    click.echo(
        f"{len(diff.new)} new, {len(diff.fixable_now)} fixable now, {len(diff.gone)} gone,"
        f" {diff.same} the same since {diff.older}"
    )
    click.echo(headline(result))


def _row(kind: str, finding: Finding | OldFinding) -> list[str]:
    return [
        kind,
        finding.id,
        finding.severity,
        finding.package,
        finding.version,
        finding.fixed_version,
    ]


def _json(diff: ResultDiff, result: ScanResult) -> dict[str, object]:
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
