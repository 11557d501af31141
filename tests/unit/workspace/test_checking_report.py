"""What a check of a finished image says."""

from __future__ import annotations

from ironhull.build.starting import StartOutcome
from ironhull.workspace.checking import CheckedAnywhere
from ironhull.workspace.checking_report import check_document, check_lines


def test_a_start_that_fails_is_one_of_the_things_that_fail_and_not_one_that_was_not_tried() -> None:
    failed = StartOutcome("ended with exit code 1", (), 0.5, "no user web")
    lines = check_lines(CheckedAnywhere("web:1", (), failed, ""))
    assert lines == [
        "FAILS   start  (0.5 s)",
        "          ended with exit code 1",
        "          no user web",
    ]
    untried = CheckedAnywhere("web:1", (), None, "not asked for")
    assert check_lines(untried) == ["not started: not asked for"]
    assert check_document(untried)["start"] == {
        "tried": False,
        "started": False,
        "reason": "not asked for",
        "listening": [],
        "said": "",
        "mending": [],
    }
