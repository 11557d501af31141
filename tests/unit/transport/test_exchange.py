"""One exchange against a server on this machine that misbehaves, with a clock of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.mirror import FakeMirror, hanging, serving, status, truncated, usual
from tests.unit.transport.test_patience import FakeTime

from ironhull.errors import EnvironmentProblem, InputError, NetworkError
from ironhull.transport.exchange import Exchange
from ironhull.transport.message import Request
from ironhull.transport.network import Network
from ironhull.transport.patience import Broken, Clock, GaveUp, Patience

QUICK = Patience(attempts=3, first_wait=1, connect=2, idle=0.3)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeMirror]:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def exchange(time: FakeTime) -> Iterator[Exchange]:
    found = Exchange(Network(user_agent="test/1"), QUICK, clock=time.clock)
    yield found
    found.close()


def get(server: FakeMirror, **headers: str) -> Request:
    return Request("GET", f"{server.url}/file", headers)


def test_an_answer_comes_as_it_is_with_our_name_on_the_question(
    server: FakeMirror, exchange: Exchange
) -> None:
    answer = exchange.ask(get(server), 1000)
    assert (answer.status, answer.body) == (200, b"x" * 1000)
    (seen,) = server.requests
    assert seen.headers["user-agent"] == "test/1"
    assert seen.headers["accept-encoding"] == "identity"


def test_what_may_pass_is_waited_for(
    server: FakeMirror, exchange: Exchange, time: FakeTime
) -> None:
    server.fail("file", status(503, retry_after="9"), truncated(10), usual)
    assert exchange.ask(get(server), 1000).body == b"x" * 1000
    assert time.pauses[0] == 9
    assert 1.6 <= time.pauses[1] <= 2.4


def test_an_answer_that_means_later_is_handed_over_when_hope_is_over(
    server: FakeMirror, exchange: Exchange
) -> None:
    server.fail("file", status(502))
    assert exchange.ask(get(server), 1000).status == 502
    assert len(server.requests) == 3


def test_an_answer_that_says_no_is_not_asked_for_again(
    server: FakeMirror, exchange: Exchange, time: FakeTime
) -> None:
    server.fail("file", status(403))
    assert exchange.ask(get(server), 1000).status == 403
    assert (len(server.requests), time.pauses) == (1, [])


def test_what_must_not_be_sent_twice_is_sent_once(server: FakeMirror, exchange: Exchange) -> None:
    server.fail("file", truncated(10))
    with pytest.raises(GaveUp, match="broke off"):
        exchange.ask(replace(get(server), retry=False), 1000)
    assert len(server.requests) == 1


def test_a_body_that_is_too_long_is_not_read_to_its_end(
    server: FakeMirror, exchange: Exchange
) -> None:
    with pytest.raises(NetworkError, match="answers /file with more than 999 bytes"):
        exchange.ask(get(server), 999)
    assert len(server.requests) == 1


def test_a_server_that_hangs_is_given_up(server: FakeMirror, exchange: Exchange) -> None:
    server.fail("file", hanging(10))
    with pytest.raises(GaveUp, match="does not answer in time"):
        exchange.ask(get(server), 1000)
    assert len(server.requests) == 3


def test_a_body_that_comes_too_slowly_is_given_up(server: FakeMirror, time: FakeTime) -> None:
    ticking = Clock(lambda: time.seconds, time.sleep)
    exchange = Exchange(Network(), replace(QUICK, whole=-1, attempts=2), clock=ticking)
    with pytest.raises(GaveUp, match="comes in too slowly"):
        exchange.ask(get(server), 1000)


def test_where_nobody_listens_is_said_without_object_names(
    server: FakeMirror, exchange: Exchange
) -> None:
    server.stop()
    with pytest.raises(GaveUp) as caught:
        exchange.ask(get(server), 1000)
    host = server.url.removeprefix("http://")
    assert str(caught.value) == f"{host}: no server answers there (Connection refused)"
    assert caught.value.attempts == 2


def test_a_login_in_an_address_becomes_a_header_and_is_not_sent_on(
    server: FakeMirror, exchange: Exchange
) -> None:
    url = server.url.replace("http://", "http://user:secret@")
    assert exchange.ask(Request("GET", f"{url}/file"), 1000).status == 200
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert "secret" not in server.requests[0].headers["host"]


@pytest.mark.parametrize("url", ["http://[", "http://x:99999/", "http://a b/"])
def test_what_is_no_address_is_an_error(exchange: Exchange, url: str) -> None:
    with pytest.raises((NetworkError, InputError)):
        exchange.ask(Request("GET", url), 10)


def test_work_that_is_stopped_ends_in_the_middle_of_a_pause(server: FakeMirror) -> None:
    exchange = Exchange(Network(), replace(QUICK, first_wait=60))
    server.fail("file", status(503))
    threading.Timer(0.1, exchange.stop.set).start()
    with pytest.raises(EnvironmentProblem, match="stopped"):
        exchange.ask(get(server), 10)


def test_failures_are_noted_with_the_pause_after_them(server: FakeMirror, time: FakeTime) -> None:
    notes: list[tuple[str, float]] = []
    exchange = Exchange(
        Network(),
        QUICK,
        clock=time.clock,
        note=lambda failure, pause: notes.append((failure.reason, pause)),
    )
    server.fail("file", status(429, retry_after="5"), usual)
    exchange.ask(get(server), 1000)
    assert notes == [("the server answers 429", 5.0)]


def test_a_proxy_that_is_not_there_is_named_as_the_one_that_fails() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        exchange = Exchange(Network({"http": proxy}), QUICK)
        with pytest.raises(Broken, match="the proxy fails: no server answers there"):
            exchange.once(Request("GET", "http://mirror.example/"))


def test_the_environment_says_nothing(
    server: FakeMirror, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Broken) as caught:
        exchange.once(Request("GET", "http://mirror.invalid/"))
    assert "proxy" not in str(caught.value)


def test_tls_where_there_is_none_is_said_at_once(server: FakeMirror, exchange: Exchange) -> None:
    with pytest.raises(NetworkError, match="speaks something else there"):
        exchange.ask(Request("GET", server.url.replace("http:", "https:")), 10)
