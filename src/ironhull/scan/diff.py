"""Compares a result with an older report: what is new, what is gone, what has a fix now.

A temporary identifier of Debian's tracker and the CVE that it became are one vulnerability: the
number in the bug tracker stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ironhull.errors import InputError
from ironhull.scan.model import FIXABLE, Finding, ScanResult
from ironhull.scan.old_report import OldFinding, OldReport, read_report


class _Identified(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def bug(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ResultDiff:
    """An older report against a result of now."""

    older: str
    new: tuple[Finding, ...]
    gone: tuple[OldFinding, ...]
    fixable_now: tuple[Finding, ...]
    """Known before, and a fix exists since."""
    same: int


def compare_results(older: OldReport, result: ScanResult) -> ResultDiff:
    """What changed between the two."""
    before = {_key(finding): finding for finding in older.findings}
    by_bug = {_bug_key(found): found for found in older.findings if found.id.startswith("TEMP-")}
    new: list[Finding] = []
    fixable: list[Finding] = []
    matched: set[tuple[str, ...]] = set()
    for finding in result.findings:
        known = before.get(_key(finding)) or _earlier(finding, by_bug)
        if known is None:
            new.append(finding)
            continue
        matched.add(_key(known))
        if finding.fix_state in FIXABLE and known.fix_state not in FIXABLE:
            fixable.append(finding)
    gone = tuple(finding for key, finding in before.items() if key not in matched)
    name = f"{older.image} ({older.scanned})" if older.scanned else older.image
    return ResultDiff(name, tuple(new), gone, tuple(fixable), len(matched) - len(fixable))


def _earlier(finding: Finding, by_bug: Mapping[tuple[str, ...], OldFinding]) -> OldFinding | None:
    return by_bug.get(_bug_key(finding)) if finding.bug else None


def _key(finding: _Identified) -> tuple[str, ...]:
    return finding.id, finding.type, finding.package, finding.location


def _bug_key(finding: _Identified) -> tuple[str, ...]:
    return str(finding.bug), finding.type, finding.package, finding.location


def compare_with_file(older: Path, result: ScanResult) -> ResultDiff:
    """As `compare_results`, with the report of `ironhull scan --json` in a file.

    InputError if the file cannot be read, MalformedError if it is no report.
    """
    try:
        data = older.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {older}: {error.strerror}") from None
    return compare_results(read_report(data, str(older)), result)
