"""What was found when the image was looked at, as predicates: scan, tests, checks, secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ironhull import __version__
from ironhull.build.check_result import CheckResult
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import canonical
from ironhull.sbom.model import Bill
from ironhull.scan.model import Finding, ScanResult

TOOL = "https://ironhull.io/"


def vulnerabilities(result: ScanResult) -> bytes:
    """A scan in in-toto's form (vulns v0.2); what is not known of it stands beside as our own.

    VEX is not applied away: a finding that it clears is listed, and says so.
    """
    return canonical(
        {
            "scanner": {
                "uri": TOOL,
                "version": __version__,
                "db": {
                    "uri": f"{TOOL}advisories",
                    "version": ", ".join(
                        f"{name} {date}" for name, date, _ in result.database.sources
                    ),
                    "lastUpdate": result.database.date,
                },
                "result": [_finding(each) for each in result.findings],
            },
            "metadata": {"scanStartedOn": result.scanned, "scanFinishedOn": result.scanned},
            "ironhull": {
                "verdict": result.verdict,
                "stale": result.database.stale,
                "packages": result.packages,
                "unmatched": [
                    {"package": each.package, "version": each.version, "reason": each.reason}
                    for each in result.unmatched
                ],
                "exploitedKnown": result.database.knows_exploited,
            },
        }
    )


def _finding(finding: Finding) -> dict[str, Any]:
    severity = [{"method": "ironhull", "score": finding.severity}]
    if finding.cvss is not None:
        severity.append({"method": finding.vector or "cvss", "score": str(finding.cvss)})
    if finding.epss is not None:
        severity.append({"method": "epss", "score": str(finding.epss)})
    notes: dict[str, str] = {
        "purl": finding.purl,
        "fixState": finding.fix_state.value,
        "fixedVersion": finding.fixed_version,
        "knownExploited": finding.kev,
        "vex": finding.vex.status if finding.vex else "",
        "suppressed": "true" if finding.suppressed else "",
    }
    return {
        "id": finding.id,
        "severity": severity,
        "annotations": [{key: text} for key, text in notes.items() if text],
    }


def test_result(
    manifest: Digest, definition: Digest, passed: Sequence[str], failed: Sequence[str], engine: str
) -> bytes:
    """The tests of the definition, as they were run in the image (test-result v0.1)."""
    return canonical(
        {
            "result": "FAILED" if failed else "PASSED",
            "configuration": [
                {"name": "definition", "digest": {"sha256": hex_of(definition)}},
                {"name": "image", "digest": {"sha256": hex_of(manifest)}},
            ],
            "url": TOOL,
            "passedTests": sorted(passed),
            "failedTests": sorted(failed),
            "engine": engine,
        }
    )


def static_checks(checks: Iterable[CheckResult]) -> bytes:
    """The checks that the image had to pass before it was published."""
    listed = [
        {"name": each.name, "lookedAt": each.looked_at, "problems": list(each.problems)}
        for each in checks
    ]
    return canonical(
        {
            "result": "FAILED" if any(each["problems"] for each in listed) else "PASSED",
            "tool": {"name": "ironhull", "version": __version__},
            "checks": listed,
        }
    )


def secrets(inventory: Inventory) -> bytes:
    """What looks like a key in any file or variable: where, never the secret itself."""
    found = inventory.surface.secrets
    return canonical(
        {
            "result": "FOUND" if found else "NONE_FOUND",
            "tool": {"name": "ironhull", "version": __version__},
            "lookedAt": {
                "files": inventory.surface.files,
                "variables": len(inventory.config.env),
                "layers": len(inventory.layers),
            },
            "unread": [each.location for each in inventory.unparsed],
            "findings": [
                {"path": each.path, "kind": each.detail, "layer": each.layer} for each in found
            ],
        }
    )


def licences(bill: Bill) -> bytes:
    """The licence of every package, as an SPDX expression; empty where it is not known."""
    packages = [
        {
            "purl": each.package.purl,
            "name": each.package.name,
            "version": each.package.version,
            "licence": each.licence.expression,
            "comment": each.licence.comment,
        }
        for each in bill.packages
    ]
    return canonical(
        {
            "packages": packages,
            "unknown": sum(not each["licence"] for each in packages),
            "texts": [
                {"id": each.id, "name": each.name, "text": each.text} for each in bill.licence_texts
            ],
        }
    )


def score(value: Mapping[str, Any]) -> bytes:
    """The hardening score (`ironhull score --json`), without what changes from run to run."""
    kept = {key: item for key, item in value.items() if key not in ("made", "command", "image")}
    return canonical(kept)
