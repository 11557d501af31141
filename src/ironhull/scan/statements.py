"""VEX statements of a result: only from evidence, and each with the evidence that it rests on.

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

from collections.abc import Iterable

from ironhull.advisories.database import Database
from ironhull.advisories.model import State
from ironhull.inventory.model import Inventory, Package
from ironhull.scan.debian import tracker_source
from ironhull.scan.model import Finding, FixState, ScanResult
from ironhull.scan.rebuilt import rebuilt_by
from ironhull.vex.model import Product, VexStatement
from ironhull.vex.products import image_product
from ironhull.vex.purl import image_purl
from ironhull.vex.status import VexStatus
from ironhull.vex.writing import write_openvex


def statements_of(result: ScanResult, findings: Iterable[Finding]) -> list[VexStatement]:
    """One statement for each vulnerability and what is known of it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        status, justification, impact, action = judged(finding)
        key = (finding.id, status, justification, impact, action, _evidence(finding, result))
        groups.setdefault(key, []).append(finding.purl)
    return [
        VexStatement(
            names=(identifier,),
            products=products_of(result, purls),
            status=status,  # type: ignore[arg-type]
            justification=justification,
            impact=impact,
            action=action,
            notes=evidence,
        )
        for (identifier, status, justification, impact, action, evidence), purls in groups.items()
        # A statement that names no package would be about the whole image.
        if any(purls)
    ]


def products_of(result: ScanResult, purls: Iterable[str]) -> tuple[Product, ...]:
    """Packages as parts of the image; by themselves where it has no digest: purls name versions."""
    known = sorted(filter(None, set(purls)))
    if not result.digest:
        return tuple(Product(part) for part in known)
    return (image_product(result.image, result.digest, result.manifest, known),)


def not_affected(
    inventory: Inventory, result: ScanResult, database: Database
) -> list[VexStatement]:
    """What Debian says does not affect its release, of what is installed: with Debian's reason.

    Our own scan does not report these; scanners that compare upstream versions do.
    """
    release = inventory.distribution.version_id.partition(".")[0]
    if inventory.distribution.id != "debian" or not release:
        return []
    by_source: dict[str, list[Package]] = {}
    unmatched = {(each.package, each.version, each.location) for each in result.unmatched}
    for package in inventory.packages:
        # What Debian says of its own package is not said of one that others made.
        known = (package.name, package.version, package.location) not in unmatched
        if package.type == "deb" and package.purl and known and rebuilt_by(package) is None:
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
        VexStatement(
            names=(claim.vulnerability,),
            products=products_of(result, [each.purl for each in by_source[claim.package]]),
            status="not_affected",
            justification="vulnerable_code_not_present",
            impact=f"Debian's security tracker: {claim.reason}",
            notes=f"{heads[claim.record][0]}: {claim.line or heads[claim.record][1]};"
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
        return (
            f"Negligible in the distribution's judgement{reason}, which may never fix it:"
            f" accept the risk, or replace {package}."
        )
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


def openvex(result: ScanResult, statements: Iterable[VexStatement]) -> str:
    """The OpenVEX document of a result; the same result gives the same bytes."""
    return write_openvex(statements, image_purl(result.image, result.digest), result.scanned)
