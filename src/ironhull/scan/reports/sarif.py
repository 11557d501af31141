"""SARIF 2.1.0, in the form that code scanning services take."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from ironhull import __version__
from ironhull.reports.json_text import json_text
from ironhull.scan.model import Finding, Unmatched
from ironhull.scan.summary import ScanReport, by_identifier, headline

_LEVELS = {"critical": "error", "high": "error", "medium": "warning"}
_SCORES = {"critical": 9.0, "high": 7.0, "medium": 4.0, "low": 2.0, "negligible": 0.1}


def render(report: ScanReport) -> str:
    """One run; a rule for each vulnerability, a result for each finding."""
    result, findings = report.result, report.findings
    groups = by_identifier(findings)
    order = {identifier: at for at, identifier in enumerate(groups)}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Ironhull",
                        "version": __version__,
                        "rules": [_rule(name, group[0]) for name, group in groups.items()],
                    }
                },
                "automationDetails": {"id": f"ironhull/{result.image}"},
                "invocations": [
                    {
                        "executionSuccessful": not result.unmatched,
                        "toolExecutionNotifications": [
                            _notification(each) for each in result.unmatched
                        ],
                    }
                ],
                "properties": {"summary": headline(result), "database": result.database.date},
                "results": [
                    _result(finding, result.image, order[finding.id]) for finding in findings
                ],
            }
        ],
    }
    return json_text(document)


def _notification(package: Unmatched) -> dict[str, Any]:
    """A package of which the results say nothing, or not all."""
    text = f"{package.package} {package.version} was not matched: {package.reason}"
    place = {"physicalLocation": {"artifactLocation": {"uri": _uri(package.location)}}}
    return {"level": "warning", "message": {"text": text}, "locations": [place]}


def _rule(identifier: str, finding: Finding) -> dict[str, Any]:
    title = finding.title or identifier
    score = finding.cvss if finding.cvss is not None else _SCORES.get(finding.severity, 0.0)
    tags = ["security", "vulnerability", finding.severity]
    return {
        "id": identifier,
        "name": identifier,
        "shortDescription": {"text": f"{identifier}: {title}"[:120]},
        "fullDescription": {"text": title[:1000]},
        "help": {"text": f"{identifier}: {title}. See: ironhull explain {identifier} IMAGE"},
        "defaultConfiguration": {"level": _LEVELS.get(finding.severity, "note")},
        "properties": {
            "security-severity": f"{score:.1f}",
            "tags": [*tags, "kev"] if finding.kev else tags,
        },
    }


def _result(finding: Finding, image: str, rule: int) -> dict[str, Any]:
    fix = f"; fixed in {finding.fixed_version}" if finding.fixed_version else ""
    text = f"{finding.package} {finding.version} has {finding.id} ({finding.fix_state}{fix})"
    if finding.unknown:
        text = f"{finding.package} {finding.version} may have {finding.id} ({finding.unknown})"
    identity = "\0".join((image.rpartition(":")[0] or image, *finding.key))
    value: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.location)},
                    "region": {"startLine": 1},
                },
                "message": {"text": f"{image}: {finding.package}@{finding.version}"},
            }
        ],
        "partialFingerprints": {
            "ironhull/v1": hashlib.sha256(identity.encode()).hexdigest(),
        },
    }
    suppressions = _suppressions(finding)
    if suppressions:
        value["suppressions"] = suppressions
    return value


def _suppressions(finding: Finding) -> list[dict[str, str]]:
    found = []
    if finding.vex is not None and finding.suppressed:
        text = f"VEX {finding.vex.status}: {finding.vex.statement or finding.vex.justification}"
        found.append({"kind": "external", "status": "accepted", "justification": text})
    if finding.accepted is not None:
        who = finding.accepted
        text = f"accepted by {who.owner} until {who.expires}: {who.reason}"
        found.append({"kind": "external", "status": "accepted", "justification": text})
    return found


def _uri(location: str) -> str:
    """Relative, as the services want it, with everything unusual escaped."""
    return quote(location.lstrip("/")) or "image"
