"""What a watcher may do by itself, what is worse than before, and how patient it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ironhull.errors import DefinitionError, InputError
from ironhull.state.watch_records import ImageState, stamp
from ironhull.watch.facts import KINDS, Facts, Gate, more_findings, worse
from ironhull.watch.patience import Patience, is_due
from ironhull.watch.policy import WatchPolicy, duration, read_policy

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
OLD = Facts(1000, {"setuid": ("/bin/su (4755 root)",), "licences": ("MIT",), "scripts": ()})


def policy(folder: Path, text: str) -> WatchPolicy:
    path = folder / "watch.toml"
    path.write_text(text)
    return read_policy(path)


def test_an_empty_policy_is_the_usual_one(tmp_path: Path) -> None:
    assert policy(tmp_path, "") == WatchPolicy()


def test_every_key_is_read(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        """
        [gate]
        growth = 1
        more-findings = true
        hold = ["setuid"]
        tests = "off"
        scan = "off"
        [patience]
        first = "1m"
        longest = "1h"
        quarantine = 3
        [targets]
        critical = "12h"
        low = "30d"
        [behind]
        bound = "2d"
        [end-of-life]
        grace = "0d"
        [cooldown]
        age = "3d"
        """,
    )
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    assert found == WatchPolicy(
        Gate(1.0, True, frozenset({"setuid"})),
        "off",
        "off",
        Patience(minute, hour, 3),
        {"critical": 12 * hour, "high": 7 * day, "low": 30 * day},
        2 * day,
        timedelta(0),
        3 * day,
    )


@pytest.mark.parametrize(
    "text",
    [
        "gate = 1", "[gat]", "[gate]\nhodl = []", "[gate]\nhold = ['su']",
        "[gate]\ngrowth = -1", "[gate]\ngrowth = nan", "[gate]\ngrowth = true",
        "[gate]\ntests = 'never'", "[gate]\nmore-findings = 1", "[patience]\nfirst = '5'",
        "[patience]\nquarantine = 0", "[targets]\nurgent = '1h'", "[behind]\nbound = '9999999d'",
    ],
)  # fmt: skip
def test_a_policy_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match=r"watch\.toml"):
        policy(tmp_path, text)


def test_a_policy_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        policy(tmp_path, "#" * (1 << 20) + "\n")
    with pytest.raises(InputError, match="cannot read"):
        read_policy(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "5", "m", "-1m", "1.5h", "1w", "1m ", None, 5])
def test_a_length_of_time_has_a_number_and_a_unit(text: object) -> None:
    with pytest.raises(InputError, match="is no length of time"):
        duration(text)


def test_nothing_is_worse_than_nothing_and_the_same_is_not_worse() -> None:
    assert list(worse(Gate(), None, OLD)) == []
    assert list(worse(Gate(), OLD, OLD)) == []
    assert list(worse(Gate(), OLD, replace(OLD, size=1250))) == []


def test_what_is_new_of_each_kind_is_said_once_it_is_looked_for() -> None:
    new = Facts(1251, {kind: (f"new {kind}",) for kind in KINDS})
    said = list(worse(Gate(), OLD, new))
    assert said == [
        "it is 25 % larger than before (1000 → 1251 bytes; the policy allows 25 %)",
        "new setuid runs as another user",
        "new scripts is a new maintainer script",
        "new licences is a new licence",
    ], "listeners were not looked for before: what is there may be old"
    assert list(worse(Gate(9, kinds=frozenset()), OLD, new)) == []


def test_facts_go_into_the_state_and_back() -> None:
    assert Facts.of(OLD.json()) == OLD
    assert Facts.of({}) is None


@pytest.mark.parametrize(
    ("old", "new", "held"),
    [
        ({}, {}, False),
        ({"a": "low"}, {"b": "low"}, False),
        ({"a": "low"}, {"a": "low", "b": "low"}, True),
        ({"a": "low", "c": "low"}, {"b": "high"}, True),
        ({"a": "high", "c": "low"}, {"b": "critical"}, False),
        ({"a": "high"}, {}, False),
    ],
)
def test_no_more_findings_and_no_more_grave_ones(
    old: dict[str, str], new: dict[str, str], held: bool
) -> None:
    assert bool(list(more_findings(Gate(), old, new))) is held
    assert list(more_findings(Gate(more_findings=True), old, new)) == []


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(timedelta(minutes=5), timedelta(hours=1), 4)
    assert [patience.pause(n).seconds // 60 for n in (1, 2, 3, 4, 5, 6)] == [5, 10, 20, 40, 60, 60]
    assert patience.pause(10_000) == timedelta(hours=1)


def test_own_faults_lead_to_quarantine_and_others_never() -> None:
    own, others = ImageState("app"), ImageState("app")
    for _ in range(5):
        own = Patience().failed(own, "tests fail", NOW, own=True)
        others = Patience().failed(others, "no network", NOW, own=False)
    assert (own.state, others.state) == ("quarantined", "failing")


def test_when_an_image_is_due() -> None:
    later = stamp(NOW + timedelta(minutes=1))
    assert is_due(ImageState("app"), NOW, "x")
    assert not is_due(ImageState("app", hold="no"), NOW, "x")
    assert not is_due(ImageState("app", examined="x", retry_at=later), NOW, "x")
    assert is_due(ImageState("app", examined="y", retry_at=later), NOW, "x")
    assert is_due(ImageState("app", examined="x", retry_at=later), NOW + timedelta(hours=1), "x")
    held = ImageState("app", examined="x", state="held", candidate="c")
    assert not is_due(held, NOW, "x")
    assert is_due(held, NOW, "y")
    assert is_due(replace(held, approved="c"), NOW, "x")
    assert not is_due(replace(held, state="quarantined", candidate=""), NOW, "x")
