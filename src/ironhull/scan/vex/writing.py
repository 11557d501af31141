"""Writes OpenVEX: statements only from evidence, and each with the evidence that it rests on.

| what is known | statement |
|---|---|
| a VEX document or our own evidence says so | that, unchanged |
| the tracker says that the release is not affected | not_affected, with the tracker's reason |
| a fix is in the archive or on record | affected: update |
| no DSA, postponed | affected: a point release or a rebuild brings it |
| ignored, end of life | affected: no fix is planned, mitigate or replace |
| unimportant | affected: negligible by Debian's judgement |
| undetermined, or nothing known | under_investigation |

An accepted risk is not VEX and is not written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from ironhull.advisories.database import Database
from ironhull.advisories.model import State
from ironhull.inventory.model import Inventory, Package
from ironhull.scan.debian import tracker_source
from ironhull.scan.model import Finding, FixState, ScanResult, VexStatus
from ironhull.scan.vex.purl import image_name

CONTEXT = "https://openvex.dev/ns/v0.2.0"


@dataclass(frozen=True, slots=True)
class Said:
    """A statement to write, about one or more packages of the image."""

    vulnerability: str
    status: VexStatus
    purls: tuple[str, ...]
    justification: str = ""
    impact: str = ""
    action: str = ""
    evidence: str = ""


def statements_of(result: ScanResult, findings: Iterable[Finding]) -> list[Said]:
    """One statement for each vulnerability and what is known of it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        status, justification, impact, action = judged(finding)
        key = (finding.id, status, justification, impact, action, _evidence(finding, result))
        groups.setdefault(key, []).append(finding.purl)
    return [
        Said(
            vulnerability=identifier,
            status=status,  # type: ignore[arg-type]
            purls=tuple(sorted(filter(None, set(purls)))),
            justification=justification,
            impact=impact,
            action=action,
            evidence=evidence,
        )
        for (identifier, status, justification, impact, action, evidence), purls in groups.items()
    ]


def not_affected(inventory: Inventory, result: ScanResult, database: Database) -> list[Said]:
    """What Debian says does not affect its release, of what is installed: with Debian's reason.

    Our own scan does not report these; scanners that compare upstream versions do.
    """
    release = inventory.distribution.version_id.partition(".")[0]
    if inventory.distribution.id != "debian" or not release:
        return []
    by_source: dict[str, list[Package]] = {}
    for package in inventory.packages:
        if package.type == "deb":
            source, _ = tracker_source(package.source, package.source_version)
            by_source.setdefault(source, []).append(package)
    claims = [
        claim
        for claim in database.claims(sorted(by_source), "debian")
        if claim.state == State.NOT_AFFECTED and claim.ecosystem == f"debian:{release}"
    ]
    reported = {(finding.id, finding.source) for finding in result.findings}
    heads = database.record_heads(claim.record for claim in claims)
    return [
        Said(
            vulnerability=claim.vulnerability,
            status="not_affected",
            purls=tuple(sorted({package.purl for package in by_source[claim.package]})),
            justification="vulnerable_code_not_present",
            impact=f"Debian's security tracker: {claim.reason}",
            evidence=f"{heads[claim.record][0]}: {claim.line or heads[claim.record][1]};"
            f" advisories of {result.database.date}",
        )
        for claim in claims
        if claim.reason and (claim.vulnerability, claim.package) not in reported
    ]


def judged(finding: Finding) -> tuple[VexStatus, str, str, str]:
    """Status, justification, impact and action: the table above."""
    if finding.vex is not None:
        said = finding.vex
        if said.status == "affected":
            return said.status, "", "", said.statement or "see the document that says so"
        impact = said.statement if said.status == "not_affected" else ""
        return said.status, said.justification, impact, ""
    action = _action(finding)
    if action:
        return "affected", "", "", action
    return "under_investigation", "", "", ""


def _action(finding: Finding) -> str:
    package = finding.source or finding.package
    match finding.fix_state:
        case FixState.AVAILABLE:
            return f"Update {package} to {finding.fixed_version} ({finding.fix_suite})."
        case FixState.FIXED:
            return f"Update {package} to {finding.fixed_version}."
        case FixState.PENDING:
            return (
                f"The fix {finding.fixed_version} is on record but not in the archive yet;"
                " the image is rebuilt when it is."
            )
        case FixState.NOT_PLANNED | FixState.UNKNOWN:
            return _without_fix(finding, package)


def _without_fix(finding: Finding, package: str) -> str:
    reason = f" ({finding.reason})" if finding.reason else ""
    if finding.state in (State.IGNORED, State.END_OF_LIFE):
        return f"The distribution plans no fix of {package}{reason}; mitigate or replace it."
    if finding.urgency == "unimportant":
        return f"Negligible in the distribution's judgement{reason}; no action is needed."
    if finding.state in (State.NO_DSA, State.POSTPONED):
        return (
            f"The fix of {package} comes with a point release{reason};"
            " the image is rebuilt when it does."
        )
    if finding.state == State.UNFIXED and finding.type == "deb":
        return f"There is no fix of {package} yet; the image is rebuilt when there is."
    return ""


def _evidence(finding: Finding, result: ScanResult) -> str:
    parts = [f"{finding.feed}: {finding.record}"]
    if finding.advisory and finding.advisory != finding.record:
        parts.append(finding.advisory)
    parts.append(f"state {finding.state}" if finding.state else "")
    parts.append(f"installed {finding.source_version or finding.version}")
    if finding.fixed_version:
        parts.append(f"fixed in {finding.fixed_version}")
    parts.append(f"advisories of {result.database.date}")
    return "; ".join(part for part in parts if part)


def image_purl(result: ScanResult) -> str:
    """`pkg:oci/node@sha256:…?repository_url=…`, by digest; empty for a folder, which has none."""
    repository = image_name(result.image)
    name = repository.rpartition("/")[2].lower() or "image"
    if not result.digest:
        return ""
    return (
        f"pkg:oci/{quote(name, safe='.-_~')}@{quote(result.digest, safe='')}"
        f"?repository_url={quote(repository, safe='/')}"
    )


def document(result: ScanResult, said: Iterable[Said]) -> str:
    """The document; its @id is of its content, so that equal content has one name."""
    product = image_purl(result)
    ordered = sorted(said, key=lambda each: (each.vulnerability, each.status, each.purls))
    statements = [_statement(each, product) for each in ordered]
    digest = hashlib.sha256(msgspec.json.encode([product, statements, result.scanned])).hexdigest()
    value = {
        "@context": CONTEXT,
        "@id": f"urn:ironhull:vex:{digest}",
        "author": "Ironhull",
        "role": "Document Creator",
        "timestamp": result.scanned,
        "version": 1,
        "tooling": "ironhull",
        "statements": statements,
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _statement(said: Said, product: str) -> dict[str, Any]:
    parts = [{"@id": purl} for purl in said.purls]
    # Without a digest the packages themselves are the products: their purls name versions.
    subjects = [{"@id": product, "subcomponents": parts}] if product else parts
    value: dict[str, Any] = {
        "vulnerability": {"name": said.vulnerability},
        "products": subjects,
        "status": said.status,
    }
    texts = {
        "justification": said.justification,
        "impact_statement": said.impact,
        "action_statement": said.action,
        "status_notes": said.evidence,
    }
    return value | {key: text for key, text in texts.items() if text}
