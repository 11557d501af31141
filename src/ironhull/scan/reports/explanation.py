"""An explanation as lines for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ironhull.reports.table import Heading
from ironhull.reports.text import harmless
from ironhull.scan.document import finding_json
from ironhull.scan.explain import Explained, Explanation

_LINES = 12


def explanation_json(answer: Explanation) -> dict[str, Any]:
    """All of it as one JSON object."""
    value = asdict(answer)
    value["packages"] = [
        {
            "package": each.package.name,
            "version": each.package.version,
            "source": each.package.source,
            "source_version": each.package.source_version,
            "type": each.package.type,
            "location": each.package.location,
            "layer": each.package.layer,
            "answer": each.answer,
            "why": each.why,
            "advice": each.advice,
            "finding": finding_json(each.finding) if each.finding else None,
        }
        for each in answer.packages
    ]
    return value


def explanation_lines(answer: Explanation) -> Iterator[str]:
    """Lines for a terminal: the answer, each package that it concerns, the feeds' own words."""
    yield Heading(answer.conclusion)
    if answer.aliases:
        yield f"also called: {', '.join(answer.aliases)}"
    for each in answer.packages:
        yield from _package(each)
    if answer.lines:
        yield ""
        yield "what the feeds say:"
        for line in answer.lines[:_LINES]:
            where = line.ecosystem.replace(":", " ")
            yield f"  {line.feed} {line.date[:10]} {line.record} ({where}): {harmless(line.text)}"
        if len(answer.lines) > _LINES:
            yield f"  and {len(answer.lines) - _LINES} more (--json)"
    for note in answer.notes:
        yield f"  note: {harmless(note)}"
    yield ""
    yield f"database: {answer.database_date}"


def _package(each: Explained) -> Iterator[str]:
    package = each.package
    yield ""
    yield f"{harmless(package.name)} {harmless(package.version)}: {each.answer}"
    layer = f" in layer {package.layer[:19]}" if package.layer else ""
    rows = [("found", f"{harmless(package.location)}{layer}")]
    if package.source and package.source != package.name:
        rows.append(("source", f"{package.source} {package.source_version}"))
    rows.append(("compared", harmless(each.why)))
    finding = each.finding
    if finding is not None:
        rows.append(("severity", _severity(each)))
        if finding.vex is not None:
            said = finding.vex
            text = f"{said.status} {said.justification}: {said.statement} ({said.document})"
            rows.append(("vex", harmless(text)))
        if finding.accepted is not None:
            who = finding.accepted
            rows.append(("accepted", f"by {who.owner} until {who.expires}: {who.reason}"))
    rows.append(("to do", harmless(each.advice)))
    for name, text in rows:
        yield f"  {name:<9} {text}"


def _severity(each: Explained) -> str:
    finding = each.finding
    if finding is None:
        return ""
    parts = [finding.severity]
    if finding.urgency:
        parts.append(f"urgency {finding.urgency}")
    if finding.cvss is not None:
        parts.append(f"CVSS {finding.cvss}")
    if finding.epss is not None:
        parts.append(f"EPSS {finding.epss:.3f}")
    if finding.kev:
        parts.append(f"exploited since {finding.kev} (KEV)")
    return ", ".join(parts)
