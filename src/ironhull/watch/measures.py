"""How long vulnerabilities took, against what was aimed at; how long images were vulnerable.

All times are between two events of one vulnerability in one image. The one that counts against a
target is from the fix in the archive to the publication here: what came before is others' time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ironhull.scan.severities import SEVERITIES
from ironhull.state.watch_records import Event, Kind, moment

SPANS: Mapping[str, tuple[Kind, Kind]] = {
    "fix to published": ("fix", "published"),
    "seen to published": ("seen", "published"),
    "advisory to published": ("advisory", "published"),
}
"""Name → from which event to which."""
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Times:
    """One span over all vulnerabilities of one severity."""

    span: str
    severity: str
    number: int
    percentiles: tuple[timedelta, ...]
    """In the order of PERCENTILES: the smallest time that so many of a hundred do not exceed."""
    longest: timedelta
    target: timedelta | None
    """Only of `fix to published`, and where there is one."""
    late: int
    """How many took longer than the target; those that are not published yet and are late count."""

    def json(self) -> dict[str, Any]:
        """As `--json` says it: seconds."""
        return {
            "span": self.span,
            "severity": self.severity,
            "number": self.number,
            **{
                f"p{percent}": round(each.total_seconds())
                for percent, each in zip(PERCENTILES, self.percentiles, strict=True)
            },
            "longest": round(self.longest.total_seconds()),
            "target": None if self.target is None else round(self.target.total_seconds()),
            "late": self.late,
        }


@dataclass(frozen=True, slots=True)
class Open:
    """A vulnerability that has a fix in the archive and is not published here yet."""

    vulnerability: str
    image: str
    severity: str
    since: str
    late: bool
    """Longer than the target."""


def times(
    events: Iterable[Event], targets: Mapping[str, timedelta], now: datetime
) -> tuple[Times, ...]:
    """Every span by severity, the worst first; one without a single case is left out."""
    cases = _cases(events)
    waiting = [each for each in _still_open(cases, targets, now) if each.late]
    found = []
    for span, (begin, end) in SPANS.items():
        by_severity: dict[str, list[timedelta]] = {}
        for severity, at in cases.values():
            if begin in at and end in at:
                by_severity.setdefault(severity, []).append(max(at[end] - at[begin], timedelta(0)))
        for severity in SEVERITIES:
            taken = sorted(by_severity.get(severity, ()))
            if not taken:
                continue
            target = targets.get(severity) if begin == "fix" else None
            late = sum(target is not None and each > target for each in taken)
            if target is not None:
                late += sum(each.severity == severity for each in waiting)
            shares = tuple(_percentile(taken, percent) for percent in PERCENTILES)
            found.append(Times(span, severity, len(taken), shares, taken[-1], target, late))
    return tuple(found)


Cases = Mapping[tuple[str, str], tuple[str, Mapping[Kind, datetime]]]
"""Vulnerability and image → severity, and when what happened."""


def _cases(events: Iterable[Event]) -> Cases:
    cases: dict[tuple[str, str], tuple[str, dict[Kind, datetime]]] = {}
    for event in events:
        at = moment(event.at if "T" in event.at else f"{event.at}T00:00:00Z")
        if at is not None:
            _, known = cases.setdefault((event.vulnerability, event.image), (event.severity, {}))
            known[event.kind] = at
    return cases


def open_fixes(
    events: Iterable[Event], targets: Mapping[str, timedelta], now: datetime
) -> tuple[Open, ...]:
    """What has a fix in the archive and is not published yet, the oldest first."""
    return tuple(_still_open(_cases(events), targets, now))


def _still_open(cases: Cases, targets: Mapping[str, timedelta], now: datetime) -> list[Open]:
    found = []
    for (vulnerability, image), (severity, at) in cases.items():
        if "fix" in at and "published" not in at:
            target = targets.get(severity)
            late = target is not None and now - at["fix"] > target
            since = at["fix"].isoformat(timespec="seconds")
            found.append(Open(vulnerability, image, severity, since, late))
    return sorted(found, key=lambda each: (each.since, each.image, each.vulnerability))


def _percentile(taken: Sequence[timedelta], percent: int) -> timedelta:
    """The nearest rank: a time that was really taken."""
    return taken[max(math.ceil(len(taken) * percent / 100), 1) - 1]


def by_day(counts: Iterable[tuple[str, str, str, int]]) -> dict[str, dict[str, int]]:
    """Day → severity → open findings over all images; `vulnerable`: images that had any."""
    days: dict[str, dict[str, int]] = {}
    vulnerable: dict[str, set[str]] = {}
    for day, image, severity, number in counts:
        known = days.setdefault(day, {})
        known[severity] = known.get(severity, 0) + number
        if number:
            vulnerable.setdefault(day, set()).add(image)
    for day, known in days.items():
        known["vulnerable"] = len(vulnerable.get(day, ()))
    return days
