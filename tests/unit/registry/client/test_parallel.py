from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from ironhull.errors import EnvironmentProblem, NetworkError
from ironhull.registry.client.parallel import ask_all, run_all, run_ordered
from ironhull.transport.stop import Stop


def test_all_work_is_done_once() -> None:
    done: list[int] = []
    run_all([lambda n=n: done.append(n) for n in range(50)], Stop())  # type: ignore[misc]
    assert sorted(done) == list(range(50))


def test_several_pieces_run_at_once_and_no_more_than_asked() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    # Passed by three at a time or not at all.
    together = threading.Barrier(3, timeout=30)

    def piece() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait()
        with lock:
            running[0] -= 1

    run_all([piece] * 12, Stop(), workers=3)
    assert most[0] == 3


def test_a_piece_waits_for_those_it_comes_after_and_for_no_other() -> None:
    done: list[str] = []
    released = threading.Event()

    def slow() -> None:
        assert released.wait(60)
        done.append("slow")

    def free() -> None:
        done.append("free")
        released.set()

    work = {"last": lambda: done.append("last"), "slow": slow, "free": free}
    after = {"last": ["slow", "free", "not of this work"]}
    run_ordered(work, after, Stop(), workers=2)
    assert done == ["free", "slow", "last"]


def test_what_waits_for_a_piece_that_failed_is_never_done() -> None:
    done: list[str] = []

    def fails() -> None:
        raise NetworkError("no")

    work = {"first": fails, "second": lambda: done.append("second")}
    with pytest.raises(NetworkError):
        run_ordered(work, {"second": ["first"]}, Stop(), workers=4)
    assert done == []


@pytest.mark.parametrize("workers", [1, 4])
def test_answers_come_in_the_order_of_their_questions(workers: int) -> None:
    questions = [lambda n=n: n for n in range(20)]  # type: ignore[misc]
    assert ask_all(questions, Stop(), workers) == list(range(20))


def test_the_first_failure_is_raised_and_the_rest_is_left() -> None:
    stop, begun, unstopped = Stop(), [], []

    def fails() -> None:
        raise NetworkError("no")

    def slow() -> None:
        begun.append(1)
        if not stop.wait(60):
            unstopped.append(1)

    with pytest.raises(NetworkError, match="no"):
        run_all([slow, fails, *[slow] * 100], stop, workers=2)
    assert unstopped == []
    assert len(begun) < 5
    assert not stop.is_set()


def test_one_piece_runs_without_a_failure_lost() -> None:
    def fails() -> None:
        raise NetworkError("alone")

    with pytest.raises(NetworkError, match="alone"):
        run_all([fails], Stop())
    run_all([], Stop())


def test_work_that_is_stopped_from_outside_is_not_taken_for_done() -> None:
    stop = Stop()
    with pytest.raises(EnvironmentProblem, match="stopped"):
        run_all([stop.set, *[lambda: None] * 50], stop, workers=1)


def test_a_stop_from_outside_stays_though_a_piece_failed_before_it() -> None:
    stop, told = Stop(), []

    def fails() -> None:
        raise NetworkError("no")

    def outside() -> None:
        told.append(stop.wait(60))
        stop.set()

    with pytest.raises(NetworkError, match="no"):
        run_all([outside, fails], stop, workers=2)
    assert told == [True]
    assert stop.is_set()


def test_what_other_work_with_the_same_stop_kept_from_being_done_is_not_taken_for_done() -> None:
    class Passing(Stop):
        """Said while the first piece ends, by work that fails and whose failure is caught."""

        looks = iter([False, True])

        def is_set(self) -> bool:
            return next(self.looks, False)

    done: list[int] = []
    with pytest.raises(EnvironmentProblem, match="stopped"):
        run_all([lambda: done.append(1)] * 3, Passing(), workers=1)
    assert done == [1]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Where the suite runs in the background of a shell, SIGINT is ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_work_to_tidy_up() -> None:
    stop, together, tidied = Stop(), threading.Barrier(3), []

    def piece() -> None:
        if together.wait() == 0:
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
        stop.wait(5)
        time.sleep(0.1)
        tidied.append(1)

    with pytest.raises(KeyboardInterrupt):
        run_all([piece] * 3, stop, workers=3)
    assert len(tidied) == 3
