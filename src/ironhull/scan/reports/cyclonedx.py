"""A CycloneDX 1.6 vulnerability disclosure report: findings with what was decided about them."""

from __future__ import annotations

import uuid
from typing import Any

from ironhull import __version__
from ironhull.reports.json_text import json_text
from ironhull.scan.model import Assessment, Finding, Unmatched
from ironhull.scan.summary import ScanReport, by_identifier
from ironhull.vex.cyclonedx import JUSTIFICATION_OF, STATE_OF

_SEVERITIES = {"negligible": "info"}


def render(report: ScanReport) -> str:
    """One document; the same result gives the same bytes."""
    result, findings = report.result, report.findings
    name = f"{result.image}\0{result.digest}\0{result.scanned}"
    components = {finding.purl or finding.package: finding for finding in findings}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        "version": 1,
        "metadata": {
            "timestamp": result.scanned,
            "tools": {
                "components": [{"type": "application", "name": "ironhull", "version": __version__}]
            },
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": result.image,
                "version": result.digest,
            },
        },
        "components": [
            *(_component(ref, each) for ref, each in sorted(components.items())),
            *(_unmatched(number, each) for number, each in enumerate(result.unmatched)),
        ],
        "vulnerabilities": [
            _vulnerability(identifier, said, group)
            for identifier, together in by_identifier(findings).items()
            for said, group in _by_assessment(together)
        ],
    }
    return json_text(document)


def _component(reference: str, finding: Finding) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": "application" if finding.type == "binary" else "library",
        "bom-ref": reference,
        "name": finding.package,
        "version": finding.version,
    }
    if finding.purl:
        value["purl"] = finding.purl
    return value


def _unmatched(number: int, package: Unmatched) -> dict[str, Any]:
    """A package that could not be matched: it is there, and nothing is said of it."""
    return {
        "type": "library",
        "bom-ref": f"unmatched-{number}",
        "name": package.package,
        "version": package.version,
        "properties": [
            {"name": "ironhull:unmatched", "value": package.reason},
            {"name": "ironhull:location", "value": package.location},
        ],
    }


def _by_assessment(
    findings: list[Finding],
) -> list[tuple[Assessment | None, list[Finding]]]:
    """A vulnerability's findings by what is said of them: the analysis is of all `affects`."""
    groups: dict[tuple[Assessment | None, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.vex, finding.unknown), []).append(finding)
    return [(said, group) for (said, _), group in groups.items()]


def _vulnerability(
    identifier: str, said: Assessment | None, findings: list[Finding]
) -> dict[str, Any]:
    first = findings[0]
    value: dict[str, Any] = {
        "id": identifier,
        "source": {"name": first.feed},
        "ratings": _ratings(first),
        "description": first.title,
        "affects": [
            {"ref": ref} for ref in dict.fromkeys(each.purl or each.package for each in findings)
        ],
        "properties": [
            {"name": "ironhull:fix_state", "value": first.fix_state.value},
            {"name": "ironhull:fixed_version", "value": first.fixed_version},
            {"name": "ironhull:kev", "value": first.kev or "no"},
            {"name": "ironhull:epss", "value": "" if first.epss is None else str(first.epss)},
        ],
    }
    if first.fixed_version:
        value["recommendation"] = f"Update {first.source or first.package} to {first.fixed_version}"
    if first.published:
        value["published"] = first.published
    if said is not None:
        value["analysis"] = _analysis(said)
    elif first.unknown:
        value["analysis"] = {"state": "in_triage", "detail": first.unknown}
    return value


def _ratings(finding: Finding) -> list[dict[str, Any]]:
    severity = _SEVERITIES.get(finding.severity, finding.severity)
    ratings: list[dict[str, Any]] = [
        {"source": {"name": finding.feed or "Ironhull"}, "severity": severity}
    ]
    if finding.cvss is not None:
        method = {"CVSS:4": "CVSSv4", "CVSS:3": "CVSSv31"}.get(finding.vector[:6], "CVSSv2")
        if finding.vector.startswith("CVSS:3.0"):
            method = "CVSSv3"
        ratings.append({"score": finding.cvss, "method": method, "vector": finding.vector})
    return ratings


def _analysis(said: Assessment) -> dict[str, Any]:
    value: dict[str, Any] = {"state": STATE_OF[said.status], "detail": said.statement}
    justification = JUSTIFICATION_OF.get(said.justification)
    if justification and said.status == "not_affected":
        value["justification"] = justification
    return value
