"""Accepted risks: a file that says who takes which risk, why, and until when. Not VEX.

exceptions:
  - id: CVE-2024-1234        # or a list of identifiers
    package: openssl         # optional: binary or source package, else all
    image: "shop/*"          # optional: image names, with * and ?
    owner: jane@example.org
    reason: only reachable from the build network
    expires: 2026-12-31
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from ironhull.errors import DefinitionError, InputError, Problem
from ironhull.scan.model import Accepted, Caveat, Finding, ScanResult

MAX_SIZE = 4 << 20
_KEYS = frozenset({"id", "package", "image", "owner", "reason", "expires"})


@dataclass(frozen=True, slots=True)
class RiskException:
    """One accepted risk."""

    ids: tuple[str, ...]
    owner: str
    reason: str
    expires: date
    """The last day on which it holds."""
    package: str = ""
    image: str = ""

    def covers(self, finding: Finding, image: str) -> bool:
        """Whether it is about this finding of this image."""
        return (
            finding.id in self.ids
            and (not self.package or self.package in (finding.package, finding.source))
            and (not self.image or fnmatchcase(image, self.image))
        )


def read_exceptions(path: Path) -> tuple[RiskException, ...]:
    """The exceptions of a file; DefinitionError carries everything that is wrong with it."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise InputError(f"{path}: larger than {MAX_SIZE} bytes")
        value = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{path}: not YAML: {str(error)[:300]}") from None
    entries = value.get("exceptions") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise InputError(f"{path}: expected `exceptions:` with a list of entries")
    problems: list[Problem] = []
    found: list[RiskException] = []
    for number, entry in enumerate(entries, 1):
        wrong = _problems(entry)
        problems += [Problem(str(path), 0, 0, f"exception {number}: {text}") for text in wrong]
        if not wrong:
            found.append(_exception(entry))
    if problems:
        raise DefinitionError(problems)
    return tuple(found)


def _problems(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [f"expected keys and values, got {type(entry).__name__}"]
    wrong = [f"unknown key {key!r:.40}" for key in entry if key not in _KEYS]
    ids = entry.get("id")
    listed = ids if isinstance(ids, list) else [ids]
    if not listed or not all(isinstance(each, str) and each for each in listed):
        wrong.append("id is missing or not a text or a list of texts")
    wrong += [
        f"{key} is missing: an accepted risk needs someone who takes it and why"
        for key in ("owner", "reason")
        if not isinstance(entry.get(key), str) or not entry[key].strip()
    ]
    if not isinstance(entry.get("expires"), date) or isinstance(entry["expires"], datetime):
        wrong.append("expires is missing or not a date (2026-12-31)")
    wrong += [
        f"{key} is not a text"
        for key in ("package", "image")
        if not isinstance(entry.get(key, ""), str)
    ]
    return wrong


def _exception(entry: dict[str, Any]) -> RiskException:
    ids = entry["id"]
    return RiskException(
        ids=tuple(ids) if isinstance(ids, list) else (ids,),
        owner=entry["owner"].strip(),
        reason=entry["reason"].strip(),
        expires=entry["expires"],
        package=entry.get("package", ""),
        image=entry.get("image", ""),
    )


def apply_exceptions(
    result: ScanResult, exceptions: Sequence[RiskException], today: date
) -> ScanResult:
    """The result with accepted risks marked. An exception that is over is said and not applied."""
    live = [each for each in exceptions if each.expires >= today]
    findings = []
    for finding in result.findings:
        taken = next((each for each in live if each.covers(finding, result.image)), None)
        if taken is not None:
            accepted = Accepted(taken.owner, taken.reason, taken.expires.isoformat())
            finding = replace(finding, accepted=accepted)
        findings.append(finding)
    over = [
        Caveat(
            "exception",
            ", ".join(each.ids),
            f"accepted by {each.owner} until {each.expires}: that is over",
        )
        for each in exceptions
        if each.expires < today
    ]
    return replace(result, findings=tuple(findings), warnings=(*result.warnings, *over))
