from __future__ import annotations

import pytest

from ironhull.transport.patience import Broken, Clock, GaveUp, Patience, Tries

BROKEN = Broken("mirror.example", "the connection broke")
NOBODY = Broken("mirror.example", "no server answers there", absent=True)


class FakeTime:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


def tries(time: FakeTime, patience: Patience, until: float | None = None) -> Tries:
    return Tries(patience, time.clock, lambda failure, pause: None, until=until)


def made(attempts: Tries, failure: Broken, *, gaining: bool = False) -> GaveUp:
    """Fail until hope is over."""
    while True:
        if gaining:
            attempts.gained()
        try:
            attempts.again(failure)
        except GaveUp as error:
            return error


def test_the_pauses_double_and_end_with_the_attempts() -> None:
    time = FakeTime()
    error = made(tries(time, Patience(attempts=4, first_wait=1)), BROKEN)
    assert error.attempts == 4
    assert error.last is BROKEN
    assert str(error) == "mirror.example: the connection broke"
    for pause, expected in zip(time.pauses, (1, 2, 4), strict=True):
        assert 0.8 * expected <= pause <= 1.2 * expected


def test_attempts_that_bring_something_are_counted_anew_and_end_all_the_same() -> None:
    time = FakeTime()
    error = made(
        tries(time, Patience(attempts=3, all_attempts=11, first_wait=1)), BROKEN, gaining=True
    )
    assert error.attempts == 11
    assert all(pause <= 1.2 for pause in time.pauses)


def test_where_nobody_listens_few_attempts_are_enough() -> None:
    patience = Patience(attempts=5, unreachable=2, first_wait=1)
    assert made(tries(FakeTime(), patience), NOBODY).attempts == 2


def test_a_server_that_was_there_once_is_waited_for() -> None:
    attempts = tries(FakeTime(), Patience(attempts=5, unreachable=2, first_wait=1))
    attempts.gained()
    attempts.again(BROKEN)
    assert made(attempts, NOBODY).attempts == 5


def test_the_pause_that_a_server_asks_for_is_made_and_never_a_shorter_one_than_ours() -> None:
    time = FakeTime()
    attempts = tries(time, Patience(first_wait=1))
    attempts.again(Broken("x", "later", wait=7))
    attempts.again(Broken("x", "later", wait=0))
    assert time.pauses[0] == 7
    assert time.pauses[1] >= 1.6


def test_a_server_that_asks_for_more_than_we_wait_is_given_up_at_once() -> None:
    time = FakeTime()
    error = made(tries(time, Patience(longest_wait=60)), Broken("x", "later", wait=61))
    assert (error.asked, error.attempts, time.pauses) == (True, 1, [])
    assert error.in_words(5) == "x: later and asks to come back in 61 s"


def test_no_pause_is_begun_that_would_end_too_late() -> None:
    time = FakeTime()
    # Of pauses of 3.2 to 4.8 and 6.4 to 9.6 seconds the first fits, and never both.
    error = made(tries(time, Patience(attempts=9, first_wait=4), until=109), BROKEN)
    assert error.late
    assert time.seconds <= 109
    assert error.in_words(7) == (
        "mirror.example: the connection broke (gave up and took too long after 2 attempts,"
        " with 7 bytes)"
    )


def test_what_must_not_be_sent_twice_is_tried_once() -> None:
    time = FakeTime()
    error = made(tries(time, Patience().once()), BROKEN)
    assert (error.attempts, time.pauses) == (1, [])
    assert error.in_words(0).endswith("(gave up at once, with 0 bytes)")


def test_what_is_held_is_let_go_before_the_pause_and_only_then() -> None:
    order: list[str] = []
    clock = Clock(lambda: 0.0, lambda seconds: order.append("sleep"))
    attempts = Tries(Patience(attempts=2), clock, lambda failure, pause: order.append("note"))
    attempts.again(BROKEN, lambda: order.append("release"))
    assert order == ["release", "note", "sleep"]
    with pytest.raises(GaveUp):
        attempts.again(BROKEN, lambda: order.append("released again"))
    assert len(order) == 3


def test_the_time_for_all_of_it_grows_with_its_size() -> None:
    assert Patience(whole=90, rate=1000).seconds_for(5000) == 95
    assert Patience(whole=90).seconds_for(5000) == 90
