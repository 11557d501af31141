"""A migration as JSON values, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ironhull.migrate.model import Migration, Remark
from ironhull.reports.json_text import json_text

SCHEMA = 1


def document(migration: Migration) -> dict[str, Any]:
    """Everything that was found; `text` is the new file, signs that are no UTF-8 replaced."""
    return {
        "schema": SCHEMA,
        "file": migration.file,
        "complete": migration.complete,
        "changed": migration.changed,
        "rung": migration.rung.value,
        "changes": [asdict(change) for change in migration.changes],
        "refused": [_remark(remark) for remark in migration.refused],
        "remarks": [_remark(remark) for remark in migration.remarks],
        "outside": [asdict(each) for each in migration.outside],
        "stages": [asdict(stage) for stage in migration.stages],
        "text": migration.text.decode("utf-8", "replace"),
    }


def render(migration: Migration) -> str:
    """The document as text."""
    return json_text(document(migration))


def _remark(remark: Remark) -> dict[str, Any]:
    return asdict(remark)
