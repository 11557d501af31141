"""Locks as JSON for other programs: what `lock` and `why` print with `--json`.

The file of a lock is something else: see `ironhull.lock.file`.
"""

from __future__ import annotations

from typing import Any

from ironhull.lock.model import Reason
from ironhull.lock.presence import Absent, Present
from ironhull.lock.result import LockResult


def lock_document(result: LockResult) -> dict[str, Any]:
    """What became of a lock, with every change."""
    return {
        "name": result.name,
        "definition": str(result.definition.file),
        "file": str(result.path),
        "status": result.status,
        "created": result.lock.created,
        "variables": dict(result.lock.variables),
        "platforms": [
            {"platform": name, "packages": len(platform.packages)}
            for name, platform in result.lock.platforms.items()
        ],
        "changes": [
            {
                "package": change.name,
                "change": change.kind.value,
                "before": change.before or None,
                "after": change.after or None,
                "suite": change.suite or None,
                "platforms": list(change.platforms),
            }
            for change in result.changes.packages
        ],
        "others": list(result.changes.others),
        "releases": [
            {
                "repository": change.repository,
                "suite": change.suite,
                "before": change.before or None,
                "after": change.after or None,
            }
            for change in result.changes.releases
        ],
    }


def presence_document(found: Present | Absent) -> dict[str, Any]:
    """Why a package is in an image, or that it is not."""
    match found:
        case Present():
            return _present(found)
        case Absent():
            return _absent(found)


def _present(found: Present) -> dict[str, Any]:
    package = found.package
    return {
        "name": found.image,
        "platform": found.platform,
        "package": package.name,
        "in": True,
        "version": package.version,
        "source": package.source,
        "suite": package.suite,
        "ways": [
            [{"package": step.package.name, **_reason(step.reason)} for step in way]
            for way in found.ways.ways
        ],
        "more_ways": found.ways.more,
        "reasons": [_reason(reason) for reason in package.reasons],
    }


def _absent(found: Absent) -> dict[str, Any]:
    return {
        "name": found.image,
        "platform": found.platform,
        "package": found.package,
        "in": False,
        "excluded": str(found.exclusion.place) if found.exclusion else None,
        "broken": [{"package": e.package, "relation": e.relation} for e in found.broken],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "kind": reason.kind.value,
        "by": reason.by,
        "relation": reason.relation,
        "choice": reason.choice or None,
    }
