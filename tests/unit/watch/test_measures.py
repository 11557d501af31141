"""How long fixes took, as figures, metrics and a page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ironhull.state.watch_records import Event, ForeignState, ImageState, Said, stamp
from ironhull.watch.measures import (
    Measured,
    by_day,
    counterparts,
    open_fixes,
    spent,
    times,
    times_by_repository,
)
from ironhull.watch.policy import TARGETS
from ironhull.watch.reports.html import status_page
from ironhull.watch.reports.metrics import metrics
from ironhull.watch.standing import WAITING, status

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def case(number: int, hours: float | None, severity: str = "critical") -> list[Event]:
    """A fix that came to the archive ten days ago, and was published so many hours later."""
    begun = NOW - timedelta(days=10)
    at = {"fix": begun, "seen": begun + timedelta(minutes=6)}
    if hours is not None:
        at["published"] = begun + hours * HOUR
    name = f"CVE-2026-{number:04}"
    return [Event(name, "node:20", kind, stamp(when), severity) for kind, when in at.items()]  # type: ignore[arg-type]


EVENTS = [event for number in range(1, 101) for event in case(number, number / 4)]


def test_percentiles_are_times_that_were_taken() -> None:
    (whole, seen) = times(EVENTS, TARGETS, NOW)
    assert (whole.span, whole.severity, whole.number) == ("fix to published", "critical", 100)
    assert whole.percentiles == (12.5 * HOUR, 22.5 * HOUR, 24.75 * HOUR)
    assert (whole.longest, whole.target, whole.late) == (25 * HOUR, 24 * HOUR, 4)
    assert (seen.span, seen.target, seen.late) == ("seen to published", None, 0)
    assert seen.longest == 24.9 * HOUR


def test_each_repository_has_the_times_of_its_own_images() -> None:
    other = [replace(each, image="team/web:1") for each in case(1, 30)]
    waiting = [replace(each, image="team/old:1") for each in case(2, None)]
    outside = [Event("CVE-2026-0001", "", "observed", stamp(NOW - timedelta(days=11)))]
    found = times_by_repository([*EVENTS, *other, *waiting, *outside], TARGETS, NOW)
    assert list(found) == ["node", "team/web"]
    assert found["node"] == times([*EVENTS, *outside], TARGETS, NOW)
    assert found["team/web"][0].longest == 30 * HOUR


def test_what_is_not_published_and_late_counts_as_late() -> None:
    events = [*case(1, 1), *case(2, None), *case(3, None, "low")]
    assert times(events, TARGETS, NOW)[0].late == 1
    assert [(each.vulnerability, each.late) for each in open_fixes(events, TARGETS, NOW)] == [
        ("CVE-2026-0002", True),
        ("CVE-2026-0003", False),
    ]


def test_an_advisory_of_a_day_begins_with_the_day_and_no_time_is_negative() -> None:
    events = [
        Event("CVE-1", "a", "advisory", "2026-11-28", "high"),
        Event("CVE-1", "a", "fix", "2026-11-29T13:00:00Z", "high"),
        Event("CVE-1", "a", "published", stamp(NOW), "high"),
    ]
    found = {each.span: each.longest for each in times(events, {}, NOW)}
    assert found == {"fix to published": timedelta(0), "advisory to published": 36 * HOUR}
    assert times([], TARGETS, NOW) == ()


def test_days_add_up_over_images() -> None:
    counts = [("d1", "a", "high", 2), ("d1", "b", "high", 1), ("d1", "c", "low", 0)]
    assert by_day(counts) == {"d1": {"high": 3, "low": 0, "vulnerable": 2}}


def test_an_image_is_held_against_its_counterpart_on_the_days_that_both_were_counted() -> None:
    counts = [
        ("d1", "a", "high", 1), ("d2", "a", "high", 0), ("d2", "a", "low", 1),
        ("d3", "a", "low", 1),
        ("d2", "r/a:1", "critical", 3), ("d3", "r/a:1", "low", 4), ("d4", "r/a:1", "low", 9),
        ("d1", "alone", "unknown", 0),
    ]  # fmt: skip
    (a, alone), days = spent(counts, ["a", "alone"], {"a": "r/a:1"})
    assert (a.counterpart, a.days, a.findings, a.worst_days) == ("r/a:1", 2, {"low": 2}, 0)
    assert (a.other_findings, a.other_worst_days) == ({"critical": 3, "low": 4}, 1)
    assert a.share == 2 / 7
    assert days == {"d2": (1, 3), "d3": (1, 4)}
    assert (alone.counterpart, alone.days, alone.findings, alone.share) == ("", 1, {}, None)


def test_the_counterpart_is_the_one_that_is_chosen_else_the_variant_standard() -> None:
    names = ["node:20-debian13", "node:20-standard-debian13", "nginx:1.26-debian13"]
    assert counterparts(names, {}) == {"node:20-debian13": "node:20-standard-debian13"}
    assert counterparts(names, {"node:20-debian13": "r/node:20"}) == {
        "node:20-debian13": "r/node:20"
    }


def test_what_others_observed_first_is_measured_against_what_was_seen_here() -> None:
    begun = NOW - timedelta(days=10)
    outside = Event("CVE-2026-0001", "", "observed", stamp(begun - 2 * HOUR))
    found = {each.span: each for each in times([*case(1, 1), outside], TARGETS, NOW)}
    assert found["observed outside to seen"].longest == timedelta(hours=2, minutes=6)


FOREIGN = [ForeignState("r.example/<i>:1", "sha256:b", stamp(NOW), "", {"CVE-1": "high"}, {})]


def measured(**more: object) -> Measured:
    long, _ = spent(
        [(day, *one, 1) for day in ("d1", "d2") for one in (("a", "low"), ("s", "high"))],
        ["a"],
        {"a": "s"},
    )
    usual: dict[str, object] = {
        "times": times(EVENTS, TARGETS, NOW),
        "open": open_fixes(case(7, None), TARGETS, NOW),
        "days": {},
        "spent": long,
        "beside": {},
        "age": 5,
    }
    return Measured(**(usual | more))  # type: ignore[arg-type]


STATES = {
    "a": ImageState("a", state="current", published="sha256:a"),
    'b"<b>': ImageState(
        'b"<b>', state="held", reason="<script>alert(1)</script>",
        behind_since=stamp(NOW - 48 * HOUR),
    ),
}  # fmt: skip
SAID = [
    Said("archive", "debian-13: is stale", stamp(NOW - 30 * HOUR), stamp(NOW)),
    Said(f"{WAITING}a", "not in the archive: fixes of CVE-1", stamp(NOW), stamp(NOW)),
]


def test_what_is_so_for_too_long_is_an_alarm() -> None:
    found = status(STATES, SAID, 24 * HOUR, NOW)
    assert [image.alarm for image in found.images] == [False, True]
    assert found.images[0].waiting == "not in the archive: fixes of CVE-1"
    assert [each.split(" since")[0] for each in found.alarms] == ['b"<b> is behind', "archive"]
    assert status(STATES, SAID, 72 * HOUR, NOW).alarms == ()


def test_metrics_are_in_the_format_of_prometheus() -> None:
    found = status(STATES, SAID, 24 * HOUR, NOW, FOREIGN)
    text = metrics(found, measured())
    line = re.compile(r'ironhull_watch_[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)+\})? [-+0-9.eE]+|# .*')
    assert all(line.fullmatch(each) for each in text.splitlines()), text
    assert 'ironhull_watch_images{state="held"} 1' in text
    assert 'image="b\\"<b>"' in text
    assert 'ironhull_watch_late_fixes{severity="critical"} 4' in text
    assert 'seconds{severity="critical",quantile="0.9"} 81000' in text
    assert 'worst_days{image="a",side="counterpart"} 2' in text
    assert 'foreign_findings{image="r.example/<i>:1",severity="high"} 1' in text
    nothing = Measured((), (), {}, (), {}, math.nan)
    assert "round_age_seconds nan" in metrics(found, nothing)


@pytest.mark.parametrize("days", [0, 1, 200])
def test_the_page_shows_it_and_what_is_hostile_does_nothing(days: int) -> None:
    found = status(STATES, SAID, 24 * HOUR, NOW, FOREIGN)
    counts = {f"day{n:03}": {"high": n, "vulnerable": 1} for n in range(1, days + 1)}
    beside = {f"day{n:03}": (n, 2 * n) for n in range(1, days + 1)}
    page = status_page(found, measured(days=counts, beside=beside), "today")
    assert page.count("<polyline") == (2 if days else 0)
    assert page.count("<circle") == 2 * min(days, 90)
    assert "r.example/&lt;i&gt;:1" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert page.count("<rect x=") == min(days, 90)
    assert "22.5 h" in page
    assert "CVE-2026-0007" in page
