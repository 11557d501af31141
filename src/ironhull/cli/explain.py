"""`ironhull explain`: why a vulnerability is or is not reported for an image."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ironhull.cli.output import as_json, print_json
from ironhull.cli.scan_options import Reach, image_argument, reach_options, scan_options
from ironhull.reports.text import harmless
from ironhull.scan.explain import Explained, Explanation
from ironhull.scan.reports.document import finding_json
from ironhull.workspace.explaining import explain as explain_one
from ironhull.workspace.scanning import ScanChoices

_LINES = 12


@click.command(short_help="Say why a vulnerability is or is not reported.")
@click.argument("vulnerability", metavar="CVE")
@image_argument
@reach_options
@scan_options
@as_json
def explain(
    vulnerability: str, image: str, as_json: bool, chosen: ScanChoices, reach: Reach
) -> None:
    """Say why CVE is or is not reported for IMAGE, and what to do.

    Every package that it concerns, where it came from, the versions that were compared, the feeds'
    own lines with their dates, and what VEX says.

    Example: ironhull explain CVE-2023-45853 node:20
    """
    with reach.opened(quiet=as_json) as machine:
        answer = explain_one(machine, vulnerability, image, chosen, reach.platform)
    if as_json:
        print_json(_json(answer))
    else:
        _print(answer)


def _json(answer: Explanation) -> dict[str, Any]:
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


def _print(answer: Explanation) -> None:
    click.echo(click.style(answer.conclusion, bold=True))
    if answer.aliases:
        click.echo(f"also called: {', '.join(answer.aliases)}")
    for each in answer.packages:
        _print_package(each)
    if answer.lines:
        click.echo("\nwhat the feeds say:")
        for line in answer.lines[:_LINES]:
            where = line.ecosystem.replace(":", " ")
            click.echo(
                f"  {line.feed} {line.date[:10]} {line.record} ({where}): {harmless(line.text)}"
            )
        if len(answer.lines) > _LINES:
            click.echo(f"  and {len(answer.lines) - _LINES} more (--json)")
    for note in answer.notes:
        click.echo(f"  note: {harmless(note)}")
    click.echo(f"\ndatabase: {answer.database_date}")


def _print_package(each: Explained) -> None:
    package = each.package
    click.echo(f"\n{harmless(package.name)} {harmless(package.version)}: {each.answer}")
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
        click.echo(f"  {name:<9} {text}")


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
