"""How many tests there are and what became of them, so that none is missing without a word.

`Counting` is a plugin of pytest: it ends a run as failed when a test that was collected has no
outcome, and with `--tally FILE` it writes the counts. `python -m tests.tally FILE…` prints those of
all runs and their sum.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

LEFT_OUT = "left out: "
"""How the reason begins where a test needs the whole data (tests/data/README.md)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Tests by outcome; `ran` includes those that failed."""

    collected: int = 0
    ran: int = 0
    skipped: int = 0
    left_out: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.collected + other.collected,
            self.ran + other.ran,
            self.skipped + other.skipped,
            self.left_out + other.left_out,
        )

    @property
    def missing(self) -> int:
        """Tests that were collected and have no outcome."""
        return self.collected - self.ran - self.skipped - self.left_out

    def __str__(self) -> str:
        return ", ".join([f"{self.ran} of {self.collected} tests ran", *self._rest()])

    def _rest(self) -> Iterator[str]:
        if self.skipped:
            yield f"{self.skipped} skipped"
        if self.left_out:
            yield f"{self.left_out} left out (the whole data are not here: tests/data/README.md)"
        if self.missing:
            yield f"{self.missing} WITHOUT AN OUTCOME"


class Counting:
    """Counts in the process that gives the answer; workers only report to it."""

    def __init__(self) -> None:
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            out = reason(report).startswith(LEFT_OUT)
            self._outcomes[report.nodeid] = "left out" if out else "skipped"
        elif report.when == "call" or report.failed:
            self._outcomes[report.nodeid] = "ran"

    def tally(self, session: pytest.Session) -> Tally:
        count = list(self._outcomes.values()).count
        return Tally(session.testscollected, count("ran"), count("skipped"), count("left out"))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        tally = self.tally(session)
        if session.config.option.collectonly:
            return
        if tally.missing and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if file := session.config.option.tally:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(tally)))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        session = terminalreporter._session
        if session is not None and not session.config.option.collectonly:
            terminalreporter.write_line(str(self.tally(session)))


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test was skipped, in its own words."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def main(paths: list[str]) -> int:
    """Print the counts of these runs; 1 if a run has none or a test has no outcome."""
    tallies = {Path(path).name: Tally(**json.loads(Path(path).read_text())) for path in paths}
    total = sum(tallies.values(), Tally())
    for name, tally in (*tallies.items(), ("all", total)):
        print(f"{name + ':':6}{tally}")
    return 1 if total.missing or not all(tally.collected for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
