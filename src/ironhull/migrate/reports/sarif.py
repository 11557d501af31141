"""A migration as SARIF 2.1.0: what is left to people as warnings at its lines, changes as notes."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from ironhull import __version__
from ironhull.migrate.model import Change, Migration, Remark
from ironhull.migrate.rules.table import RULES
from ironhull.reports.json_text import json_text
from ironhull.reports.text import one_line


def render(migration: Migration) -> str:
    """One run; the rules that can speak, and a result for each thing that one said."""
    order = {rule.id: at for at, rule in enumerate(RULES)}
    results = [
        *(_remark(each, "warning", migration, order) for each in migration.refused),
        *(_remark(each, "note", migration, order) for each in migration.remarks),
        *(_change(each, migration, order) for each in migration.changes),
    ]
    driver = {
        "name": "Ironhull",
        "version": __version__,
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.reason},
                "help": {"text": f"before:\n{rule.before}\n\nafter:\n{rule.after}"},
                "properties": {"confidence": rule.confidence.value},
            }
            for rule in RULES
        ],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "ironhull/migrate"},
        "properties": {"complete": migration.complete, "rung": migration.rung.value},
        "results": results,
    }
    return json_text(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
    )


def _remark(
    remark: Remark, level: str, migration: Migration, order: dict[str, int]
) -> dict[str, Any]:
    text = f"{one_line(remark.message)}: {one_line(remark.advice)}"
    return _result(remark.rule, remark.line, level, text, migration, order)


def _change(change: Change, migration: Migration, order: dict[str, int]) -> dict[str, Any]:
    text = f"{one_line(change.reason)} ({one_line(change.before)} → {one_line(change.after)})"
    value = _result(change.rule, change.line, "note", text, migration, order)
    return value | {"kind": "informational"}


def _result(
    rule: str, line: int, level: str, text: str, migration: Migration, order: dict[str, int]
) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(migration.file.lstrip("/"))}}
    if line:
        place["region"] = {"startLine": line}
    identity = f"{rule}\n{text}"
    return {
        "ruleId": rule,
        "ruleIndex": order[rule],
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"ironhull/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }
