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
    "observed outside to seen": ("observed", "seen"),
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
    return _times(_cases(events), targets, now)


def times_by_repository(
    events: Iterable[Event], targets: Mapping[str, timedelta], now: datetime
) -> dict[str, tuple[Times, ...]]:
    """As `times` of each repository's images alone; those without a single case are left out."""
    parts: dict[str, dict[tuple[str, str], tuple[str, Mapping[Kind, datetime]]]] = {}
    for (vulnerability, image), case in _cases(events).items():
        parts.setdefault(image.partition(":")[0], {})[vulnerability, image] = case
    found = {name: _times(cases, targets, now) for name, cases in sorted(parts.items())}
    return {name: taken for name, taken in found.items() if taken}


def _times(cases: Cases, targets: Mapping[str, timedelta], now: datetime) -> tuple[Times, ...]:
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
    outside: dict[str, datetime] = {}
    for event in events:
        at = moment(event.at if "T" in event.at else f"{event.at}T00:00:00Z")
        if at is None:
            continue
        if not event.image:
            outside[event.vulnerability] = at
            continue
        _, known = cases.setdefault((event.vulnerability, event.image), (event.severity, {}))
        known[event.kind] = at
    for (vulnerability, _), (_, known) in cases.items():
        if vulnerability in outside:
            known["observed"] = outside[vulnerability]
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


@dataclass(frozen=True, slots=True)
class Spent:
    """How long one image was vulnerable, beside its conventional counterpart if it has one."""

    image: str
    counterpart: str
    """Empty: it has none, or none was counted on a day on which the image was."""
    days: int
    """On which both were counted."""
    findings: Mapping[str, int]
    """Severity → open findings of all days together: one that was open for five days is five."""
    worst_days: int
    """Days with a finding that is critical or high."""
    other_findings: Mapping[str, int]
    """The same of the counterpart, on the same days."""
    other_worst_days: int

    @property
    def share(self) -> float | None:
        """The image's findings, all severities and days together, as a share of the other's."""
        theirs = sum(self.other_findings.values())
        return sum(self.findings.values()) / theirs if theirs else None


Counts = Iterable[tuple[str, str, str, int]]
"""Day, image, severity, open findings."""
_STANDARD = "-standard-"


def counterparts(images: Iterable[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Image → what it is held against: the one that is chosen, else its variant `standard`."""
    known = set(images)
    found = {}
    for name in sorted(known):
        stem, dash, distribution = name.rpartition("-")
        standard = f"{stem}{_STANDARD}{distribution}" if dash and _STANDARD not in name else ""
        if name in chosen:
            found[name] = chosen[name]
        elif standard in known:
            found[name] = standard
    return found


def spent(
    counts: Counts, images: Iterable[str], pairs: Mapping[str, str]
) -> tuple[tuple[Spent, ...], dict[str, tuple[int, int]]]:
    """How long each image was vulnerable, by name; and by day the findings of all pairs together.

    An image and its counterpart are compared on the days on which both were counted, no other.
    """
    days: dict[str, dict[str, dict[str, int]]] = {}
    for day, image, severity, number in counts:
        days.setdefault(image, {}).setdefault(day, {})[severity] = number
    found, together = [], dict[str, tuple[int, int]]()
    for image in sorted(set(images) & set(days)):
        own, other = days[image], days.get(pairs.get(image, ""), {})
        common = sorted(set(own) & set(other))
        for day in common:
            ours, theirs = together.get(day, (0, 0))
            together[day] = ours + sum(own[day].values()), theirs + sum(other[day].values())
        chosen = common or sorted(own)
        found.append(
            Spent(
                image,
                pairs[image] if common else "",
                len(chosen),
                _together(own[day] for day in chosen),
                sum(map(_is_bad, (own[day] for day in chosen))),
                _together(other[day] for day in common),
                sum(map(_is_bad, (other[day] for day in common))),
            )
        )
    return tuple(found), dict(sorted(together.items()))


def _together(days: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for day in days:
        for severity, number in day.items():
            found[severity] = found.get(severity, 0) + number
    return {severity: found[severity] for severity in SEVERITIES if found.get(severity)}


def _is_bad(day: Mapping[str, int]) -> bool:
    return bool(day.get("critical") or day.get("high"))


def by_day(counts: Counts) -> dict[str, dict[str, int]]:
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


@dataclass(frozen=True, slots=True)
class Measured:
    """How long fixes took, and how vulnerable images were."""

    times: tuple[Times, ...]
    open: tuple[Open, ...]
    """Fixes in the archive that are not published yet."""
    days: Mapping[str, Mapping[str, int]]
    """As `by_day`."""
    spent: tuple[Spent, ...]
    """How long each image was vulnerable, by name."""
    beside: Mapping[str, tuple[int, int]]
    """Day → open findings of all images that have a counterpart, and of these."""
    age: float
    """Seconds since the last round ended; NaN where there was none."""
