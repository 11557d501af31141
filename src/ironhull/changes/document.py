"""The changelog of a rebuild as JSON: what every other form of it is written from.

An unknown is null, and `unknown` beside it has the reason.
"""

from __future__ import annotations

from typing import Any

from ironhull.changes.model import BaseChanges, BuildChanges, SourceChange
from ironhull.compare.model import (
    Change,
    FindingChanges,
    LayerChanges,
    MeasuredImage,
    PackageChanges,
    Unknown,
)
from ironhull.debian.changelog import ChangelogEntry
from ironhull.inventory.model import Package
from ironhull.scan.model import Finding, ScanResult

SCHEMA = "ironhull-changelog-1"
FIGURES = ("packages.total", "vulnerabilities.after_vex", "size.compressed", "size.files")

Json = dict[str, Any]


def document_of(changes: BuildChanges) -> Json:
    """The whole changelog as a JSON object."""
    comparison, pair = changes.comparison, changes.pair
    before, after = comparison.baseline, comparison.sides[1]
    return {
        "schema": SCHEMA,
        "image": after.name,
        "made": comparison.made,
        "before": _side(before),
        "after": _side(after),
        "figures": [_figure(each) for each in pair.figures if each.figure in FIGURES],
        "bases": _bases(changes.bases),
        "packages": _packages(pair.packages),
        "sources": [_source(each) for each in changes.sources],
        "vulnerabilities": _vulnerabilities(pair.findings, after),
        "layers": _layers(pair.layers),
        "settings": [
            {"name": each.subject, "before": each.baseline, "after": each.image}
            for each in pair.config
        ],
        "surface": [
            {"name": each.subject, "added": list(each.added), "removed": list(each.removed)}
            for each in (*pair.surface, *pair.lists)
            if each.added or each.removed
        ],
    }


def _side(side: MeasuredImage) -> Json:
    image = side.inventory.image
    return {
        "name": side.name,
        "digest": image.digest,
        "manifest": image.manifest,
        "platform": str(image.platform) if image.platform else None,
        "created": side.inventory.config.created or None,
    }


def _figure(change: Change) -> Json:
    return {
        "figure": change.figure,
        "before": None if isinstance(change.baseline, Unknown) else change.baseline,
        "after": None if isinstance(change.image, Unknown) else change.image,
        "unknown": next(
            (e.reason for e in (change.baseline, change.image) if isinstance(e, Unknown)), None
        ),
    }


def _bases(bases: BaseChanges | Unknown) -> Json:
    if isinstance(bases, Unknown):
        return {"moved": None, "same": None, "unknown": bases.reason}
    moved = [
        {"name": each.name, "before": each.before or None, "after": each.after or None}
        for each in bases.moved
    ]
    return {"moved": moved, "same": bases.same, "unknown": None}


def _packages(packages: PackageChanges) -> Json:
    return {
        "added": [_package(each) for each in packages.added],
        "removed": [_package(each) for each in packages.removed],
        "changed": [
            {
                "name": each.package.name,
                "type": each.package.type,
                "source": each.package.source or None,
                "before": each.before,
                "after": each.after,
                "direction": each.direction,
            }
            for each in packages.versions
        ],
        "same": packages.same,
    }


def _package(package: Package) -> Json:
    return {"name": package.name, "type": package.type, "version": package.version}


def _source(source: SourceChange) -> Json:
    return {
        "name": source.name,
        "before": source.before,
        "after": source.after,
        "packages": [each.package.name for each in source.packages],
        "entries": [_entry(each) for each in source.entries] if source.entries else None,
        "unknown": source.note or None,
    }


def _entry(entry: ChangelogEntry) -> Json:
    return {
        "version": entry.version,
        "suites": list(entry.suites),
        "urgency": entry.urgency,
        "by": entry.by,
        "date": entry.date,
        "cves": list(entry.cves),
        "text": list(entry.lines),
    }


def _vulnerabilities(findings: FindingChanges | Unknown, after: MeasuredImage) -> Json:
    if isinstance(findings, Unknown):
        return {"fixed": None, "new": None, "same": None, "unknown": findings.reason, "of": None}
    scan = after.scan
    return {
        "fixed": [_finding(each) for each in findings.gone],
        "new": [_finding(each) for each in findings.new],
        "same": findings.same,
        "unknown": None,
        "of": scan.database.date if isinstance(scan, ScanResult) else None,
    }


def _finding(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "package": finding.package,
        "version": finding.version,
        "severity": finding.severity,
        "exploited_since": finding.kev or None,
        "fixed_version": finding.fixed_version or None,
        "suppressed": finding.suppressed,
        "title": finding.title,
    }


def _layers(layers: LayerChanges | Unknown) -> Json:
    if isinstance(layers, Unknown):
        return {"same": None, "new": None, "bytes_to_pull": None, "unknown": layers.reason}
    pull = layers.pull
    return {
        "same": layers.shared,
        "new": layers.only_image,
        "bytes_to_pull": None if isinstance(pull, Unknown) else pull,
        "unknown": pull.reason if isinstance(pull, Unknown) else None,
    }
