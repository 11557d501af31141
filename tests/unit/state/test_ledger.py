"""The ledger of rescans: rounds are whole or not at all, and nothing is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironhull.errors import EnvironmentProblem
from ironhull.state.ledger import Ledger, LedgerUnit


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "reported.sqlite")


def test_rounds_are_numbered_by_what_images_were_told(ledger: Ledger) -> None:
    for number in (1, 2):
        with ledger.round() as opened:
            assert opened.number == number
            opened.tell(["sha256:a"])
    with ledger.round() as opened:
        assert opened.images == {"sha256:a": 2}


def test_what_was_first_said_keeps_its_round(ledger: Ledger) -> None:
    with ledger.round() as opened:
        opened.report(7, {"CVE-2024-1": 1})
        opened.tell(["sha256:a"])
    with ledger.round() as opened:
        opened.report(7, {"CVE-2024-1": 2, "CVE-2024-2": 2})
    with ledger.round() as opened:
        assert opened.reported(7) == {"CVE-2024-1": 1, "CVE-2024-2": 2}
        assert opened.reported_since(7, 1) == {"CVE-2024-2"}
        assert opened.reported(8) == {}


def broken(ledger: Ledger) -> None:
    with ledger.round() as opened:
        opened.keep(LedgerUnit("unit", 1, b"b", 2))
        opened.tell(["sha256:a"])
        raise RuntimeError


def test_a_round_that_fails_leaves_the_ledger_as_it_was(ledger: Ledger) -> None:
    with ledger.round() as opened:
        opened.keep(LedgerUnit("unit", 1, b"a", 1))
    with pytest.raises(RuntimeError):
        broken(ledger)
    with ledger.round() as opened:
        assert opened.units() == {"unit": LedgerUnit("unit", 1, b"a", 1)}
        assert opened.images == {}


def test_a_file_that_is_no_ledger_is_said(ledger: Ledger) -> None:
    ledger.path.write_text("something else, long enough to be no header of a database")
    with pytest.raises(EnvironmentProblem, match=r"cannot use .*reported.sqlite"), ledger.round():
        pass
