"""The JSON report (docs/scan-report.schema.json)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ironhull.reports.json_text import json_text
from ironhull.scan.model import Assessment, Finding, by_severity
from ironhull.scan.summary import ScanReport, summary

SCHEMA = "ironhull-scan-1"


def render(report: ScanReport) -> str:
    """The whole report, indented."""
    return json_text(report_json(report))


def report_json(report: ScanReport) -> dict[str, Any]:
    """The report as a JSON object. The suppressed findings are in it, and say so."""
    result = report.result
    counts = summary(result)
    return {
        "schema": SCHEMA,
        "image": result.image,
        "digest": result.digest,
        "distribution": result.distribution,
        "distribution_name": result.distribution_name,
        "scanned": result.scanned,
        "verdict": result.verdict,
        "database": {
            "date": result.database.date,
            "stale": result.database.stale,
            "sources": [
                {"name": name, "date": date, "records": records}
                for name, date, records in result.database.sources
            ],
        },
        "summary": {
            **asdict(counts),
            "severity": by_severity(result.findings),
            "severity_after_vex": by_severity(result.open),
        },
        "findings": [finding_json(finding) for finding in report.findings],
        "unmatched": [asdict(each) for each in result.unmatched],
        "warnings": [asdict(each) for each in result.warnings],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding; every field is always there."""
    accepted = finding.accepted
    return {
        "id": finding.id,
        "package": finding.package,
        "version": finding.version,
        "source": finding.source,
        "source_version": finding.source_version,
        "type": finding.type,
        "location": finding.location,
        "layer": finding.layer,
        "purl": finding.purl,
        "severity": finding.severity,
        "urgency": finding.urgency,
        "cvss": finding.cvss,
        "vector": finding.vector,
        "fix_state": finding.fix_state.value,
        "fixed_version": finding.fixed_version,
        "fix_suite": finding.fix_suite,
        "kev": bool(finding.kev),
        "kev_added": finding.kev,
        "epss": finding.epss,
        "epss_percentile": finding.percentile,
        "state": finding.state,
        "reason": finding.reason,
        "title": finding.title,
        "feed": finding.feed,
        "record": finding.record,
        "record_date": finding.record_date,
        "published": finding.published,
        "advisory": finding.advisory,
        "bug": finding.bug,
        "vex": assessment_json(finding.vex),
        "suppressed": finding.suppressed,
        "accepted": asdict(accepted) if accepted is not None else None,
    }


def assessment_json(said: Assessment | None) -> dict[str, str] | None:
    """What VEX says of a finding, or null."""
    if said is None:
        return None
    return {
        "status": said.status,
        "justification": said.justification,
        "statement": said.statement,
        "document": said.document,
        "author": said.author,
        "date": said.date,
        "contradicts": said.contradicts,
    }
