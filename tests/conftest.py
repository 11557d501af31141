"""What all tests share: real tests say which tools they met, and CI lets no test skip."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.real.tools import versions

# CI judges a change, so it asks the same questions each time; at the desk new ones are asked.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/real/" in item.nodeid:
            item.add_marker(pytest.mark.real)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    expected = hasattr(report, "wasxfail")
    if report.skipped and not expected and _insists():
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    if report.skipped and _insists():
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    ran = [r for kind in ("passed", "failed") for r in stats.get(kind, []) if r.when == "call"]
    skipped = [report for report in stats.get("skipped", []) if "tests/real/" in report.nodeid]
    if skipped or any("tests/real/" in report.nodeid for report in ran):
        tools = ", ".join(f"{name} {version}" for name, version in sorted(versions().items()))
        terminalreporter.section("real tools")
        terminalreporter.write_line(tools or "none")
        terminalreporter.write_line(f"real tests skipped: {len(skipped)}")


def _insists() -> bool:
    return os.environ.get("CI") == "true"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
