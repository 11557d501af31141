"""Test reports as JSON for other programs: what `test` prints with `--json`."""

from __future__ import annotations

from typing import Any

from ironhull.build.testing import TestOutcome, TestReport


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
