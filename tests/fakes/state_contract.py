"""What every database has to do for the state of watching: cases, without saying which it is.

@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_it(case): check(case, new_database)
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import signature

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ironhull.errors import EnvironmentProblem, InputError, MalformedError, NotFoundError
from ironhull.state import tables
from ironhull.state.transfer import export_state, import_state
from ironhull.state.watch_records import (
    Attempt,
    Event,
    FeedState,
    ForeignState,
    ImageState,
    SuiteState,
)
from ironhull.state.watching import WatchState

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
NODE = "node:20-debian13"


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **amount: float) -> None:
        self.time += timedelta(**amount)


def attempt(image: str = NODE, **more: str) -> Attempt:
    return Attempt(image, "openssl 3.5.1", "high", "2026-11-29T12:00:00.000Z", "me", **more)  # type: ignore[arg-type]


def an_image_is_new_until_something_is_written_of_it(state: WatchState) -> None:
    assert state.image(NODE) == ImageState(NODE)
    assert state.images() == {}
    wanted = ImageState(NODE, "r/node", facts={"size": 7, "setuid": ["/bin/su"]}, failures=2)
    assert state.change(NODE, lambda known: wanted) == wanted
    assert state.image(NODE) == wanted
    assert state.images() == {NODE: wanted}
    state.forget(NODE)
    assert state.images() == {}


def a_change_that_fails_changes_nothing(state: WatchState) -> None:
    def fail(known: ImageState) -> ImageState:
        raise InputError("no")

    with pytest.raises(InputError):
        state.change(NODE, fail)
    assert state.images() == {}


def several_calls_in_one_transaction_are_all_or_nothing(state: WatchState) -> None:
    def both(problem: InputError | None = None) -> None:
        with state.transaction():
            assert state.take_lease("image/node", "me", timedelta(minutes=1))
            state.change(NODE, lambda known: replace(known, failures=1))
            assert state.image(NODE).failures == 1
            if problem is not None:
                raise problem

    with pytest.raises(InputError):
        both(InputError("no"))
    assert (state.images(), state.leases()) == ({}, {})
    both()
    assert (list(state.images()), state.leases()) == ([NODE], {"image/node": "me"})


def changes_at_once_are_all_made(state: WatchState) -> None:
    def one(number: int) -> None:
        state.change(NODE, lambda known: replace(known, failures=known.failures + 1))

    state.change(NODE, lambda known: known)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert state.image(NODE).failures == 40


def attempts_are_numbered_and_the_newest_is_first(state: WatchState) -> None:
    first, second = state.begin(attempt()), state.begin(attempt("static:13-debian13"))
    state.end(first, result="published", step="record", new="sha256:b")
    assert [each.id for each in state.attempts()] == [second, first]
    (found,) = state.attempts([NODE])
    assert (found.result, found.new, found.ended) == ("published", "sha256:b", state.now)
    state.end_abandoned("static:13-debian13")
    assert [each.result for each in state.attempts()] == ["stopped", "published"]


def a_lock_is_kept_by_its_digest(state: WatchState) -> None:
    digest = state.keep_lock(b"lock" * 1000)
    assert state.keep_lock(b"lock" * 1000) == digest
    assert state.lock(digest) == b"lock" * 1000
    with pytest.raises(NotFoundError):
        state.lock("sha256:0")


def an_event_keeps_its_first_time(state: WatchState) -> None:
    state.happened([Event("CVE-1", NODE, "seen", "2026-11-29", "high")])
    state.happened(
        [
            Event("CVE-1", NODE, "seen", "2026-11-30", "low"),
            Event("CVE-2", "static:13-debian13", "seen", "2026-11-28"),
        ]
    )
    state.happened([])
    assert [each.at for each in state.events()] == ["2026-11-28", "2026-11-29"]
    (found,) = state.events(image=NODE)
    assert (found.vulnerability, found.severity) == ("CVE-1", "high")
    assert len(state.events(vulnerability="CVE-2")) == 1


def the_last_count_of_a_day_stays(state: WatchState) -> None:
    state.count("2026-11-28", NODE, {"high": 1})
    state.count("2026-11-29", NODE, {"high": 2, "low": 1})
    state.count("2026-11-29", NODE, {"high": 3})
    assert state.counts(NODE) == [
        ("2026-11-28", NODE, "high", 1),
        ("2026-11-29", NODE, "high", 3),
    ]


def a_suite_keeps_when_it_changed(state: WatchState) -> None:
    seen = SuiteState("debian", "trixie", "sha256:a", "2026", "2027", "first", "first")
    state.saw_suites([seen])
    state.saw_suites([replace(seen, changed="later", checked="later")])
    assert state.suites() == [replace(seen, checked="later")]
    state.saw_suites([replace(seen, digest="sha256:b", changed="last", checked="last")])
    assert state.suites()[0].changed == "last"
    state.saw_feeds([FeedState("kev", "2026", 9, "now")])
    state.saw_feeds([FeedState("kev", "2027", 10, "now")])
    assert state.feeds() == [FeedState("kev", "2027", 10, "now")]


def notes_are_replaced(state: WatchState) -> None:
    assert state.note("cycle") == ""
    state.set_note("cycle", "1")
    state.set_note("cycle", "2")
    assert state.note("cycle") == "2"


def a_cause_is_said_once_until_it_is_over(state: WatchState) -> None:
    assert state.say(NODE, "tests fail")
    assert not state.say(NODE, "tests fail")
    assert state.say(NODE, "mirror is stale")
    state.settle(NODE, "tests fail")
    assert [each.text for each in state.complaints()] == ["tests fail"]
    assert state.say(NODE, "mirror is stale")
    state.settle(NODE)
    assert state.complaints() == []


def one_holder_at_a_time_has_a_lease(state: WatchState, clock: Clock) -> None:
    length = timedelta(minutes=10)
    assert state.take_lease("image/a", "one", length)
    assert state.take_lease("image/a", "one", length)
    assert not state.take_lease("image/a", "two", length)
    clock.forward(minutes=11)
    assert state.take_lease("image/a", "two", length)
    assert not state.take_lease("image/a", "one", length)
    state.end_lease("image/a", "one")
    assert not state.take_lease("image/a", "one", length)
    state.end_lease("image/a", "two")
    assert state.take_lease("image/a", "one", length)


def of_many_that_want_a_lease_one_gets_it(address: str, clock: Clock) -> None:
    def take(number: int) -> bool:
        with WatchState(address, clock) as mine:
            return mine.take_lease("image/a", f"holder {number}", timedelta(minutes=1))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, range(12))) == 1


def what_is_exported_is_imported_the_same(state: WatchState, other: str, clock: Clock) -> None:
    fill(state)
    file, again = io.BytesIO(), io.BytesIO()
    number = export_state(state, file)
    assert number == 9
    with WatchState(other, clock) as second:
        assert import_state(second, io.BytesIO(file.getvalue()), "file") == number
        assert export_state(second, again) == number
        assert again.getvalue() == file.getvalue()
        assert second.begin(attempt()) == 2
        with pytest.raises(InputError, match="not empty"):
            import_state(second, io.BytesIO(file.getvalue()), "file")


BROKEN = (
    b"",
    b"{}\n",
    b'{"ironhull-state":2}\n',
    b'{"ironhull-state":1}\n[]\n',
    b'{"ironhull-state":1}\n{"table":"lease","row":{}}\n',
    b'{"ironhull-state":1}\n{"table":"note","row":{"key":"a"}}\n',
    b'{"ironhull-state":1}\n{"table":"note","row":{"key":"a","value":"b"}}\n{',
)


def what_is_no_export_is_refused_and_leaves_nothing(state: WatchState) -> None:
    for data in BROKEN:
        with pytest.raises(MalformedError):
            import_state(state, io.BytesIO(data), "file")
        assert state.note("a") == ""


def the_migrations_make_the_tables_that_the_code_has(state: WatchState) -> None:
    with state.transaction() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.METADATA) == []


def a_state_of_a_newer_ironhull_is_left_alone(
    state: WatchState, address: str, clock: Clock
) -> None:
    with state.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(EnvironmentProblem, match="newer Ironhull"):
        WatchState(address, clock)


def what_arrives_keeps_its_first_time_and_what_others_observed_the_earliest(
    state: WatchState,
) -> None:
    key = ("lib", "2", "trixie")
    state.arrived([key])
    first = state.arrivals()
    state.arrived([key, ("lib", "3", "trixie")])
    assert first[key] == state.arrivals()[key]
    assert len(state.arrivals()) == 2
    assert state.observed({"CVE-1": "2026-11-02T00:00:00.000Z"}) == 1
    assert state.observed({"CVE-1": "2026-11-03T00:00:00.000Z"}) == 0
    assert state.observed({"CVE-1": "2026-11-01T00:00:00.000Z"}) == 1
    assert [event.at for event in state.events(image="any")] == ["2026-11-01T00:00:00.000Z"]


def images_that_are_not_ours_are_kept_while_they_are_followed(state: WatchState) -> None:
    one = ForeignState("r.example/a:1", "sha256:a", "2026", "", {"CVE-1": "high"}, {})
    two = ForeignState("r.example/b:1", "sha256:b", "2026", one.reference, {}, {})
    for each in (one, two, one):
        state.saw_foreign(each)
    assert state.foreign() == [one, two]
    state.say(f"foreign {two.reference}", "its base is fixed")
    state.keep_foreign({one.reference})
    assert state.foreign() == [one]
    assert state.complaints() == []


def a_day_is_counted_for_many_images_and_none_is_a_count_too(state: WatchState) -> None:
    state.count_all("d1", {"a": {"high": 2, "low": 1}, "b": {}})
    state.count_all("d1", {"a": {"low": 3}})
    assert state.counts() == [("d1", "a", "low", 3), ("d1", "b", "unknown", 0)]
    state.count_all("d2", {})


def fill(state: WatchState) -> None:
    state.change(NODE, lambda known: replace(known, facts={"size": 7}))
    state.begin(attempt())
    state.keep_lock(b"\xff\x00lock")
    state.happened([Event("CVE-1", NODE, "seen", "2026-11-29", "high")])
    state.count("2026-11-29", NODE, {"high": 2})
    state.saw_suites([SuiteState("debian", "trixie", "a", "b", "c", "d", "e")])
    state.saw_feeds([FeedState("kev", "2026", 9, "now")])
    state.say(NODE, "tests fail")
    state.set_note("cycle", "2")
    state.take_lease("image/a", "me", timedelta(minutes=1))


CASES = (
    an_image_is_new_until_something_is_written_of_it,
    a_change_that_fails_changes_nothing,
    several_calls_in_one_transaction_are_all_or_nothing,
    changes_at_once_are_all_made,
    attempts_are_numbered_and_the_newest_is_first,
    a_lock_is_kept_by_its_digest,
    an_event_keeps_its_first_time,
    the_last_count_of_a_day_stays,
    a_suite_keeps_when_it_changed,
    what_arrives_keeps_its_first_time_and_what_others_observed_the_earliest,
    images_that_are_not_ours_are_kept_while_they_are_followed,
    a_day_is_counted_for_many_images_and_none_is_a_count_too,
    notes_are_replaced,
    a_cause_is_said_once_until_it_is_over,
    one_holder_at_a_time_has_a_lease,
    of_many_that_want_a_lease_one_gets_it,
    what_is_exported_is_imported_the_same,
    what_is_no_export_is_refused_and_leaves_nothing,
    the_migrations_make_the_tables_that_the_code_has,
    a_state_of_a_newer_ironhull_is_left_alone,
)


def name_of(case: Callable[..., None]) -> str:
    return case.__name__


def check(case: Callable[..., None], new: Callable[[], str]) -> None:
    """Run a case on databases that `new` gives the addresses of."""
    clock, address = Clock(), new()
    with WatchState(address, clock) as state:
        known = {"state": state, "clock": clock, "address": address}
        wanted = signature(case).parameters
        case(**{name: new() if name == "other" else known[name] for name in wanted})
