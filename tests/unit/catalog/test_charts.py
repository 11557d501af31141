"""Pictures of the status page: how long fixes took, and what is open by day."""

from __future__ import annotations

from pathlib import Path

import pytest
from outside.made_catalog import catalog_app, fake_catalog, users
from tests.fakes.asgi import ask

from ironhull.catalog.charts import days_chart, open_chart, time_bars
from ironhull.catalog.facts import DayCount, FixTimes, WatchedImage, WatchFacts
from ironhull.catalog.live import Nothing

HOUR = 3600
CRITICAL = FixTimes(
    *("fix to published", "critical", 4, "2.0 h", "10.0 h", "20.0 h", "5.0 h", 1),
    *(2 * HOUR, 10 * HOUR, 20 * HOUR, 5 * HOUR),
)
LOW = FixTimes(
    *("fix to published", "low", 1, "5.0 h", "5.0 h", "5.0 h", "30.0 d", 0),
    *(5 * HOUR, 5 * HOUR, 5 * HOUR, 720 * HOUR),
)
DAYS = {
    "2026-11-26": {"critical": 2, "negligible": 9},
    "2026-11-27": {"critical": 1, "high": 4},
    "2026-11-28": {"high": 3},
}


def test_bars_are_on_one_scale_and_a_target_beyond_it_is_not_drawn() -> None:
    one, other = time_bars([CRITICAL, LOW])
    assert (one.half, one.ninety, one.longest, one.target) == (10.0, 50.0, 100.0, 25.0)
    assert (other.half, other.ninety, other.longest, other.target) == (25.0, 25.0, 25.0, None)
    assert time_bars([]) == ()


def test_open_findings_have_a_line_for_each_severity_that_was_there() -> None:
    chart = open_chart(DAYS)
    assert chart is not None
    assert [(each.label, [text for _, _, text in each.points]) for each in chart.lines] == [
        ("critical", ["2026-11-26: 2", "2026-11-27: 1", "2026-11-28: 0"]),
        ("high", ["2026-11-26: 0", "2026-11-27: 4", "2026-11-28: 3"]),
    ]
    assert (chart.first, chart.last, chart.most) == ("2026-11-26", "2026-11-28", 4)
    assert "On 2026-11-28: 0 critical, 3 high, open" in chart.text
    assert open_chart({}) is None


@pytest.mark.parametrize("days", [{}, {"2026-11-28": {}}, {"2026-11-28": {"high": 3}}, DAYS])
def test_the_status_page_shows_both(tmp_path: Path, days: dict[str, dict[str, int]]) -> None:
    class Watching(Nothing):
        def watch(self) -> WatchFacts:
            image = WatchedImage("node:20", "node", "current", "2026-11-28", "", "", False)
            return WatchFacts((image,), (), (CRITICAL, LOW), days)

    app = catalog_app(fake_catalog(tmp_path / "store"), live=Watching())
    page = ask(app, "GET", "/status").body.decode()
    assert page.count('class="bar-ours" width="') == 3
    assert page.count('class="bar-target" x=') == 1
    assert ("Open findings by day" in page) == bool(days)
    assert ('class="chart"' in page) == (len(days) > 1)
    told = ask(app, "GET", "/api/v1/status").json["times"][0]
    assert (told["half_seconds"], told["target_seconds"]) == (2 * HOUR, 5 * HOUR)


def test_a_repository_shows_how_long_fixes_of_its_own_images_took(tmp_path: Path) -> None:
    class Watching(Nothing):
        def watch(self) -> WatchFacts:
            return WatchFacts(repositories={"node": (CRITICAL,), "team/secret": (LOW,)})

    file = users(tmp_path / "users.toml")
    app = catalog_app(fake_catalog(tmp_path / "store"), file, live=Watching())
    page = ask(app, "GET", "/images/node").body.decode()
    assert "How long fixes took" in page
    assert page.count('class="bar-ours" width="') == 2
    assert "How long fixes took" not in ask(app, "GET", "/images/nginx").body.decode()
    (told,) = ask(app, "GET", "/api/v1/images/node").json["times"]
    assert (told["severity"], told["longest"]) == ("critical", "20.0 h")
    assert list(ask(app, "GET", "/api/v1/status").json["repositories"]) == ["node"]


def test_a_chart_can_be_read_as_a_table_that_says_what_was_not_counted() -> None:
    ours = [DayCount(f"2026-01-{day:02}", "1", day, day - 1) for day in range(1, 32)]
    ours += [DayCount(f"2026-03-{day:02}", "1", 5, 4) for day in range(1, 32)]
    theirs = [DayCount("2026-03-31", "1-standard", 40, 33)]
    chart = days_chart(ours, theirs)
    assert chart is not None
    newest, before = ("2026-03-31", (4, 5, 33, 40)), ("2026-03-30", (4, 5, None, None))
    assert chart.rows[:2] == (newest, before)
    assert chart.text.endswith("; the conventional image had 33 of 40")
    assert (len(chart.rows), chart.more) == (60, 2)
