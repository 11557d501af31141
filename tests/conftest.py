"""What all tests share: real tests say which tools they met, all are counted, CI lets none skip."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from outside.tools import versions

from tests.tally import LEFT_OUT, Counting, reason

SLOW = [HealthCheck.too_slow]
# CI judges a change, so it asks the same questions each time; at the desk new ones are asked.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=SLOW)
# How long an example takes depends on what else the machine does, so no test fails for that.
settings.register_profile("desk", deadline=None, suppress_health_check=SLOW)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
# What a unit test may know of the machine's environment; all else is for programs, not for tests.
KEPT = ("PATH", "PYTHON", "PYTEST", "CI", "TMPDIR", "LANG", "LC_", "IRONHULL_TEST", "HYPOTHESIS")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tally", type=Path, help="write how many tests ran into this file")
    parser.addoption(
        "--whole", action="store_true", help="shorten nothing: every image, every engine"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counting())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/real/" in item.nodeid:
            item.add_marker(pytest.mark.real)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A unit test, and what it is set up with, has nothing of the machine's settings and files."""
    if "tests/unit/" not in item.nodeid:
        return (yield)
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="ironhull-nobody-") as home:
        for name in before:
            if not name.startswith(KEPT):
                del os.environ[name]
        os.environ["HOME"] = home
        try:
            return (yield)
        finally:
            os.environ.clear()
            os.environ.update(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    expected = hasattr(report, "wasxfail") or reason(report).startswith(LEFT_OUT)
    if report.skipped and not expected and _insists():
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    if report.skipped and _insists():
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason(report)}"
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    if report.skipped and reason(report).startswith(LEFT_OUT):
        return "left out", "o", "LEFT OUT"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    reports = [r for kind in ("passed", "failed", "skipped") for r in stats.get(kind, [])]
    if any("tests/real/" in report.nodeid for report in reports):
        tools = ", ".join(f"{name} {version}" for name, version in sorted(versions().items()))
        terminalreporter.section("real tools")
        terminalreporter.write_line(tools or "none")


def _insists() -> bool:
    return os.environ.get("CI") == "true"
