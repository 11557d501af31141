"""JUnit XML: a test for each finding, failed unless VEX or an accepted risk clears it.

A package that could not be matched is a test that ended with an error.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ironhull.reports.text import harmless_lines
from ironhull.scan.model import Finding
from ironhull.scan.summary import ScanReport, headline


def render(report: ScanReport) -> str:
    """One suite for the image. Without a finding it has one test that passed."""
    result = report.result
    findings = report.findings
    cleared = [each for each in findings if each.suppressed or each.accepted is not None]
    unknown = result.verdict == "unknown"
    suite = Element(
        "testsuite",
        name=f"ironhull scan {result.image}",
        tests=str((len(findings) or 1) + len(result.unmatched)),
        failures=str(len(findings) - len(cleared)),
        skipped=str(len(cleared)),
        errors=str(int(unknown and not findings) + len(result.unmatched)),
        timestamp=result.scanned.rstrip("Z"),
    )
    for finding in findings:
        _case(suite, finding)
    if not findings:
        case = SubElement(suite, "testcase", classname="vulnerabilities", name=headline(result))
        if unknown:
            SubElement(case, "error", message="vulnerabilities unknown")
    for each in result.unmatched:
        name = f"{each.package} {each.version} ({each.location}) matched with advisories"
        case = SubElement(suite, "testcase", classname=f"{each.type}.{each.package}", name=name)
        SubElement(case, "error", message=each.reason)
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    # Also takes out what XML 1.0 cannot hold: controls and surrogates.
    text = harmless_lines(tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: Element, finding: Finding) -> None:
    name = f"{finding.id} in {finding.package} {finding.version} ({finding.location})"
    case = SubElement(
        suite,
        "testcase",
        classname=f"{finding.type}.{finding.package}",
        name=name,
    )
    if finding.vex is not None and finding.suppressed:
        text = f"{finding.vex.status}: {finding.vex.statement or finding.vex.justification}"
        SubElement(case, "skipped", message=text)
    elif finding.accepted is not None:
        who = finding.accepted
        text = f"accepted by {who.owner} until {who.expires}: {who.reason}"
        SubElement(case, "skipped", message=text)
    else:
        fix = f"fixed in {finding.fixed_version}" if finding.fixed_version else finding.fix_state
        fix = finding.unknown or fix
        failure = SubElement(
            case, "failure", type=finding.severity, message=f"{finding.severity}: {fix}"
        )
        failure.text = finding.title
