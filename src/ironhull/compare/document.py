"""A comparison as JSON (docs/compare-report.schema.json): what every report is made from.

Every figure that any report shows stands at one place of this document; reports for people carry
the JSON pointer of each. An unknown is null, and `unknown` beside it has the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ironhull import __version__
from ironhull.attest.listing import Attachment
from ironhull.compare.compare import settings_of
from ironhull.compare.figures import FIGURES, created, runs_as_root
from ironhull.compare.leaks import Leaks
from ironhull.compare.model import (
    Change,
    Comparison,
    FindingChanges,
    LayerChanges,
    ListChange,
    MeasuredImage,
    PackageChanges,
    Pair,
    Unknown,
)
from ironhull.inventory.model import SURFACE_LISTS, Package
from ironhull.reports.json_text import json_text
from ironhull.scan.document import finding_json
from ironhull.scan.explain import advice, compared
from ironhull.scan.model import Finding, ScanResult

SCHEMA = "ironhull-compare-1"

Json = dict[str, Any]


def dumps(document: Json) -> str:
    """The document as people and programs read it: indented, with a line's end."""
    return json_text(document) + "\n"


def document_of(comparison: Comparison) -> Json:
    """The whole comparison as a JSON object."""
    return {
        "schema": SCHEMA,
        "made": comparison.made,
        "tool": {"name": "ironhull", "version": __version__},
        "commands": list(comparison.commands),
        "database": _database(comparison),
        "scale": [
            {
                "id": figure.id,
                "title": figure.title,
                "group": figure.group,
                "unit": figure.unit,
                "better": figure.better,
            }
            for figure in FIGURES
        ],
        "images": [
            _image(side, _values(comparison, number))
            for number, side in enumerate(comparison.sides)
        ],
        "comparisons": [_pair(pair) for pair in comparison.pairs],
    }


def _database(comparison: Comparison) -> Json | None:
    for side in comparison.sides:
        if isinstance(side.scan, ScanResult):
            info = side.scan.database
            return {
                "date": info.date,
                "stale": info.stale,
                "note": info.note,
                "sources": [
                    {"name": name, "date": date, "records": records}
                    for name, date, records in info.sources
                ],
            }
    return None


def _values(comparison: Comparison, number: int) -> list[tuple[str, int | Unknown]]:
    pair = comparison.pairs[max(number - 1, 0)]
    return [(change.figure, change.image if number else change.baseline) for change in pair.figures]


def _image(side: MeasuredImage, values: Iterable[tuple[str, int | Unknown]]) -> Json:
    inventory, values = side.inventory, list(values)
    image, made = inventory.image, created(side)
    return {
        "name": image.name,
        "kind": image.kind,
        "digest": image.digest,
        "manifest": image.manifest,
        "platform": str(image.platform) if image.platform else None,
        "distribution": inventory.distribution.label,
        "distribution_name": inventory.distribution.pretty_name or inventory.distribution.label,
        "created": made.isoformat() if made else None,
        "figures": {name: None if isinstance(v, Unknown) else v for name, v in values},
        "unknown": {name: v.reason for name, v in values if isinstance(v, Unknown)},
        "config": {**settings_of(inventory.config), "root": runs_as_root(side)},
        "environment": list(inventory.config.env),
        "ports": list(inventory.config.ports),
        "licences": sorted({name for each in inventory.packages for name in each.licenses}),
        "surface": {
            name: [
                {"path": found.path, "detail": found.detail, "owned_by": found.owned_by}
                for found in getattr(inventory.surface, name)
            ]
            for name in SURFACE_LISTS
        },
        "layers": [
            {
                "digest": layer.digest,
                "size": layer.size,
                "uncompressed": layer.uncompressed,
                "files": layer.files,
                "created_by": layer.created_by,
            }
            for layer in inventory.layers
        ],
        "packages": [_package(each) for each in inventory.packages],
        "scan": _scan(side),
        "end_of_life": _known(side.end_of_life),
        "attached": _attached(side.attached),
        "leaks": None if side.leaks is None else _leaks(side.leaks),
        "remarks": [
            {"location": each.location, "message": each.message} for each in inventory.unparsed
        ],
    }


def _package(package: Package) -> Json:
    return {
        "name": package.name,
        "version": package.version,
        "type": package.type,
        "source": package.source,
        "location": package.location,
        "owned_by": package.owned_by,
        "licenses": list(package.licenses),
        "purl": package.purl,
    }


def _scan(side: MeasuredImage) -> Json:
    """What of the scan no figure says; the findings with what was compared and what to do."""
    if isinstance(side.scan, Unknown):
        return {"verdict": "unknown", "unknown": side.scan.reason, "warnings": [], "findings": []}
    return {
        "verdict": side.scan.verdict,
        "unknown": side.findings.reason if isinstance(side.findings, Unknown) else "",
        "warnings": [asdict(each) for each in side.scan.warnings],
        "findings": [_finding(each) for each in side.scan.findings],
    }


_FINDING = (
    *("id", "package", "version", "source", "source_version", "type", "location"),
    *("severity", "cvss", "kev", "epss", "fix_state", "fixed_version", "title", "advisory"),
    *("suppressed", "vex"),
)


def _finding(finding: Finding) -> Json:
    whole = finding_json(finding)
    return {
        **{name: whole[name] for name in _FINDING},
        "why": compared(finding),
        "advice": advice(finding),
    }


def _known(values: tuple[Any, ...] | Unknown) -> Json:
    if isinstance(values, Unknown):
        return {"known": False, "unknown": values.reason, "items": []}
    return {"known": True, "unknown": "", "items": [asdict(each) for each in values]}


def _attached(attached: tuple[Attachment, ...] | Unknown) -> Json:
    if isinstance(attached, Unknown):
        return _known(attached)
    items = [
        {"kind": each.kind, "type": each.type, "digest": each.digest, "subject": each.subject}
        for each in attached
    ]
    return {"known": True, "unknown": "", "items": items}


def _leaks(leaks: Leaks) -> Json:
    return {
        "found": [asdict(each) for each in leaks.found],
        "notes": [asdict(each) for each in leaks.notes],
        "files": leaks.files,
        "unread": list(leaks.unread),
        "stage": leaks.stage,
        "stage_packages": leaks.stage_packages,
        "stage_shared": leaks.stage_shared,
        "stage_copied": leaks.stage_copied,
    }


def _pair(pair: Pair) -> Json:
    return {
        "image": pair.image,
        "figures": {change.figure: _change(change) for change in pair.figures},
        "packages": _packages(pair.packages),
        "findings": _findings(pair.findings),
        "surface": [_list(each) for each in pair.surface],
        "lists": [_list(each) for each in pair.lists],
        "config": [asdict(each) for each in pair.config],
        "layers": _layers(pair.layers),
    }


def _change(change: Change) -> Json:
    unknown = next(
        (
            value.reason
            for value in (change.difference, change.percent)
            if isinstance(value, Unknown)
        ),
        "",
    )
    return {
        **{
            name: None if isinstance(value, Unknown) else value
            for name, value in (
                ("baseline", change.baseline),
                ("image", change.image),
                ("difference", change.difference),
                ("percent", change.percent),
            )
        },
        "verdict": change.verdict,
        "unknown": unknown,
    }


def _packages(changes: PackageChanges) -> Json:
    return {
        "counts": {
            "added": len(changes.added),
            "removed": len(changes.removed),
            "upgraded": changes.moved("upgraded"),
            "downgraded": changes.moved("downgraded"),
            "changed": changes.moved("changed"),
            "same": changes.same,
        },
        "added": [_short(each) for each in changes.added],
        "removed": [_short(each) for each in changes.removed],
        "versions": [
            {
                **_short(each.package),
                "before": each.before,
                "after": each.after,
                "direction": each.direction,
            }
            for each in changes.versions
        ],
    }


def _short(package: Package) -> Json:
    return {"name": package.name, "version": package.version, "type": package.type}


def _findings(changes: FindingChanges | Unknown) -> Json:
    if isinstance(changes, Unknown):
        return {"unknown": changes.reason, "counts": None, "gone": [], "new": []}
    return {
        "unknown": "",
        "counts": {
            "gone": len(changes.gone),
            "new": len(changes.new),
            "same": changes.same,
        },
        "gone": [_named(each) for each in changes.gone],
        "new": [_named(each) for each in changes.new],
    }


def _named(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "package": finding.package,
        "version": finding.version,
        "type": finding.type,
        "severity": finding.severity,
        "suppressed": finding.suppressed,
    }


def _list(change: ListChange) -> Json:
    return {
        "subject": change.subject,
        "counts": {
            "added": len(change.added),
            "removed": len(change.removed),
            "same": change.same,
        },
        "added": list(change.added),
        "removed": list(change.removed),
    }


def _layers(changes: LayerChanges | Unknown) -> Json:
    if isinstance(changes, Unknown):
        return {
            "unknown": changes.reason,
            "shared": None,
            "only_image": None,
            "only_baseline": None,
            "pull": None,
            "pull_back": None,
        }
    unknown = [
        each.reason for each in (changes.pull, changes.pull_back) if isinstance(each, Unknown)
    ]
    return {
        "unknown": unknown[0] if unknown else "",
        "shared": changes.shared,
        "only_image": changes.only_image,
        "only_baseline": changes.only_baseline,
        "pull": None if isinstance(changes.pull, Unknown) else changes.pull,
        "pull_back": None if isinstance(changes.pull_back, Unknown) else changes.pull_back,
    }
