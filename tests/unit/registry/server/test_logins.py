"""Guessing passwords costs the guesser, and nobody else."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from ironhull.registry.server import logins as logins_module
from ironhull.registry.server.logins import Logins, network
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.users import Identity

HERE, THERE = "192.0.2.1", "192.0.2.2"


class FakeAccess:
    """Passwords are right if they are the name; a check of a `slow` name waits until `go`."""

    def __init__(self):
        self.slow = set()
        self.go = threading.Event()
        self.checked = []
        self.nice = []
        self._lock = threading.Lock()
        self.running, self.most = {}, {}

    def key(self, name, password):
        return f"{name}:{password}".encode()

    def remembered(self, name, password):
        return None

    def check(self, name, password):
        with self._lock:
            self.checked.append((name, password))
            self.nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            self.running[name] = self.running.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.running[name])
        if name in self.slow:
            self.go.wait(20)
        with self._lock:
            self.running[name] -= 1
        return Identity(name, "pull") if password == name else None


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def access():
    made = FakeAccess()
    yield made
    made.go.set()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def logins(access, clock):
    made = Logins(access, clock)
    yield made
    access.go.set()
    made.close()


async def tried(logins, address, name, password):
    """What came of it: True, False, or the seconds of a 429."""
    try:
        return await logins.identify(address, name, password) is not None
    except Refusal as refusal:
        return int(refusal.headers["retry-after"]) if refusal.status == 429 else refusal


def fail(logins, times, address=HERE, name="alice"):
    for _ in range(times):
        count = fail.number = getattr(fail, "number", 0) + 1
        assert asyncio.run(tried(logins, address, name, f"wrong {count}")) is False


def test_sixty_wrong_passwords_of_one_user_keep_no_other_user_waiting(access, logins):
    access.slow.add("alice")

    async def attack():
        guesses = [
            asyncio.ensure_future(tried(logins, HERE, "alice", f"guess {number}"))
            for number in range(60)
        ]
        await asyncio.sleep(0)
        # The same address, and another.
        for address in (HERE, THERE):
            right = tried(logins, address, "bob", "bob")
            assert await asyncio.wait_for(right, 10) is True
        access.go.set()
        return await asyncio.gather(*guesses)

    answers = asyncio.run(attack())
    assert access.most["alice"] == 1
    # One at a time and four that wait; the others are told at once when to come back.
    assert answers.count(False) == 5
    assert all(answer is False or answer >= 1 for answer in answers)


def test_one_address_with_many_names_leaves_a_thread_to_the_others(access, logins):
    names = [f"n{number}" for number in range(40)]
    access.slow.update(names)

    async def attack():
        guesses = [asyncio.ensure_future(tried(logins, HERE, name, "x")) for name in names]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(tried(logins, THERE, "bob", "bob"), 10) is True
        access.go.set()
        return await asyncio.gather(*guesses)

    answers = asyncio.run(attack())
    assert answers.count(False) == 3 + 16


def test_an_address_that_failed_often_has_one_thread_and_comes_last(access, logins, monkeypatch):
    monkeypatch.setattr(logins_module, "_MANY", 3)
    for number in range(3):
        fail(logins, 1, name=f"n{number}")
    access.slow.update(["a", "b", "c", "d", "e"])

    async def attack():
        guesses = [asyncio.ensure_future(tried(logins, HERE, name, "x")) for name in "abcde"]
        await asyncio.sleep(0.05)
        assert sum(access.running.values()) == 1
        assert await asyncio.wait_for(tried(logins, THERE, "bob", "bob"), 10) is True
        access.go.set()
        assert await asyncio.gather(*guesses) == [False] * 5

    asyncio.run(attack())


def test_an_address_that_failed_takes_only_what_others_leave_of_the_processors(access, logins):
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    fail(logins, 2)
    assert asyncio.run(tried(logins, HERE, "bob", "bob")) is True
    assert asyncio.run(tried(logins, THERE, "carol", "carol")) is True
    assert access.nice[0] == access.nice[3] == ours
    assert access.nice[1] == access.nice[2] == min(ours + 10, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours


def test_a_server_that_is_nice_itself_never_asks_for_more_than_it_has(access, logins, monkeypatch):
    """Only root may become less nice, and nobody nicer than 19."""
    asked = []
    monkeypatch.setattr(os, "getpriority", lambda *_: 15)
    monkeypatch.setattr(os, "setpriority", lambda which, who, nice: asked.append(nice))
    fail(logins, 2)
    assert asked == [19]


def test_the_same_credentials_at_once_are_checked_once(access, logins):
    access.slow.add("robot")

    async def fifty_pulls():
        asked = [asyncio.ensure_future(tried(logins, HERE, "robot", "robot")) for _ in range(50)]
        await asyncio.sleep(0)
        # One of them goes away: the others are answered all the same.
        asked[0].cancel()
        access.go.set()
        return await asyncio.gather(*asked[1:])

    assert asyncio.run(fifty_pulls()) == [True] * 49
    assert access.checked == [("robot", "robot")]


def test_the_same_wrong_password_is_checked_once_in_a_while_and_is_no_further_guess(
    access, logins, clock
):
    for _ in range(100):
        assert asyncio.run(tried(logins, HERE, "robot", "old")) is False
    assert len(access.checked) == 1
    clock.now += 31
    assert asyncio.run(tried(logins, HERE, "robot", "old")) is False
    assert len(access.checked) == 2


@pytest.mark.parametrize("name", ["alice", "nobody by this name"])
def test_after_some_failures_there_are_pauses_that_grow(logins, access, clock, name):
    fail(logins, 6, name=name)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        assert asyncio.run(tried(logins, HERE, name, "another")) == pause
        # Also the right one: else a guess in the pause would tell.
        assert asyncio.run(tried(logins, HERE, name, name)) == pause
        # From elsewhere, and for others, there is none.
        assert asyncio.run(tried(logins, THERE, name, name)) is True
        assert asyncio.run(tried(logins, HERE, "bob", "bob")) is True
        clock.now += pause
        fail(logins, 1, name=name)
    clock.now += 1000
    fail(logins, 6, name=name)


def test_a_right_password_ends_the_counting(logins):
    for _ in range(3):
        fail(logins, 5)
        assert asyncio.run(tried(logins, HERE, "alice", "alice")) is True


def test_what_is_remembered_is_bounded(logins, access, monkeypatch):
    monkeypatch.setattr(logins_module, "_KEPT", 10)
    for number in range(50):
        fail(logins, 1, name=f"n{number}", address=f"198.51.100.{number}")
    for kept in (logins._wrong, logins._of_pairs._kept, logins._of_addresses._kept):
        assert len(kept) == 10
    assert not logins._asked
    assert not logins._queue


def test_a_check_that_breaks_is_an_error_of_its_own_login_only(logins, access):
    real, access.check = access.check, lambda name, password: 1 // 0
    with pytest.raises(ZeroDivisionError):
        asyncio.run(logins.identify(HERE, "alice", "alice"))
    access.check = real
    assert asyncio.run(tried(logins, HERE, "alice", "alice")) is True


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_client_is_an_address_or_the_network_that_a_host_may_choose_from(address, counted):
    assert network(address) == counted
