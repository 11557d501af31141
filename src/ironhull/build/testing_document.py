"""Test reports as JSON: what `test` prints with `--json`, and what is kept of the last one."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ironhull.build.testing import TestOutcome, TestReport
from ironhull.oci.digest import Digest, hex_of, parse_digest
from ironhull.store.files import replace_file
from ironhull.store.home import Home


class RememberedTests(NamedTuple):
    """What the last run of an image's tests gave."""

    definition: Digest
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    engine: str
    """Its name and version."""


def remember_tests(home: Home, report: TestReport, definition: Digest) -> None:
    """Keep what the tests of an image gave, under its manifest's digest."""
    value = {
        "definition": definition,
        "passed": [each.name for each in report.outcomes if each.passed],
        "failed": [each.name for each in report.outcomes if not each.passed],
        "engine": f"{report.engine} {report.engine_version}",
    }
    path = home.tests / f"{hex_of(report.manifest)}.json"
    replace_file(path, json.dumps(value).encode(), durable=False)


def remembered_tests(home: Home, manifest: Digest) -> RememberedTests | None:
    """What is kept of an image's tests; None if they were not run here."""
    try:
        value = json.loads((home.tests / f"{hex_of(manifest)}.json").read_bytes())
        return RememberedTests(
            parse_digest(value["definition"]),
            tuple(value["passed"]),
            tuple(value["failed"]),
            value["engine"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def report_document(image: str, report: TestReport) -> dict[str, Any]:
    """What the tests of an image's definition gave; `image` is the name as a person wrote it."""
    return {
        "name": image,
        "digest": report.image,
        "manifest": report.manifest,
        "engine": report.engine,
        "engine_version": report.engine_version,
        "passed": sum(outcome.passed for outcome in report.outcomes),
        "failed": sum(not outcome.passed for outcome in report.outcomes),
        "tests": [_outcome(outcome) for outcome in report.outcomes],
    }


def _outcome(outcome: TestOutcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "passed": outcome.passed,
        "reason": outcome.reason,
        "place": outcome.place,
        "seconds": round(outcome.seconds, 3),
        "commands": [
            {
                "command": list(command.command),
                "exit_code": command.exit_code,
                "seconds": round(command.seconds, 3),
                "output": command.output,
            }
            for command in outcome.commands
        ],
    }
