"""A body in pieces: what is asked for after a break, and what is not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes.mirror import (
    FakeMirror,
    ignoring_range,
    longer,
    serving,
    shortened,
    status,
    truncated,
    usual,
    wrong_range,
)
from tests.unit.transport.test_patience import FakeTime
from urllib3.response import BaseHTTPResponse

from ironhull.errors import UntrustedError
from ironhull.transport.exchange import Exchange, discard
from ironhull.transport.message import Request
from ironhull.transport.network import Network
from ironhull.transport.patience import GaveUp, Patience
from ironhull.transport.receive import Reception

DATA = bytes(range(256)) * 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeMirror]:
    (tmp_path / "file").write_bytes(DATA)
    with serving(tmp_path) as server:
        yield server


def receive(server: FakeMirror, limit: int = len(DATA), *, exact: bool = True) -> bytes:
    exchange = Exchange(Network(), Patience(attempts=3, all_attempts=9), clock=FakeTime().clock)
    request = Request("GET", f"{server.url}/file")

    @contextmanager
    def attempt(more: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        response = exchange.once(request.adding(more))
        try:
            yield response
        finally:
            discard(response)

    received = bytearray()
    reception = Reception(exchange, "here", received.extend, limit, exact=exact)
    reception.run(attempt, exchange.tries(request))
    assert reception.written == len(received)
    return bytes(received)


def ranges(server: FakeMirror) -> list[str]:
    return [request.headers.get("range", "") for request in server.requests]


@pytest.mark.parametrize("exact", [True, False])
def test_a_body_goes_on_where_it_broke_off(server: FakeMirror, exact: bool) -> None:
    server.fail("file", truncated(1000), truncated(500), usual)
    assert receive(server, exact=exact) == DATA
    end = str(len(DATA) - 1) if exact else ""
    assert ranges(server) == ["", f"bytes=1000-{end}", f"bytes=1500-{end}"]
    assert server.requests[1].headers["if-range"].startswith('"')


def test_a_server_that_sends_all_again_adds_no_byte_twice(server: FakeMirror) -> None:
    server.fail("file", truncated(1000), ignoring_range)
    assert receive(server) == DATA


def test_no_rest_means_all_of_it_again_where_the_size_is_known(server: FakeMirror) -> None:
    server.fail("file", truncated(1000), status(416), usual)
    assert receive(server) == DATA
    assert ranges(server)[2] == ""


def test_no_rest_is_the_end_where_the_size_is_not_known(server: FakeMirror) -> None:
    server.fail("file", truncated(1000), status(416))
    assert receive(server, exact=False) == DATA[:1000]


def test_a_connection_that_breaks_after_the_last_byte_broke_too_late(server: FakeMirror) -> None:
    server.fail("file", longer(b""), usual)
    assert receive(server) == DATA
    server.fail("file", truncated(len(DATA)))
    assert receive(server) == DATA


def test_another_part_than_was_asked_for_is_not_taken(server: FakeMirror) -> None:
    server.fail("file", truncated(1000), wrong_range)
    with pytest.raises(UntrustedError, match="here: asked for bytes from 1000, got 'bytes 0-"):
        receive(server)


def test_a_part_that_nobody_asked_for_is_not_taken(server: FakeMirror) -> None:
    server.fail("file", wrong_range)
    with pytest.raises(UntrustedError, match="asked for bytes from 0"):
        receive(server)


def test_what_announces_another_size_is_not_read(server: FakeMirror) -> None:
    with pytest.raises(UntrustedError, match=f"announces {len(DATA)} bytes, and it should have 10"):
        receive(server, 10)
    server.fail("file", shortened(99))
    with pytest.raises(UntrustedError, match="announces 99 bytes"):
        receive(server)
    assert receive(server, exact=False) == DATA[:99]


def test_what_does_not_say_its_size_is_not_read_beyond_it(server: FakeMirror) -> None:
    server.fail("file", longer())
    for exact in (True, False):
        with pytest.raises(UntrustedError, match=f"larger than the {len(DATA)} bytes"):
            receive(server, exact=exact)


def test_a_byte_at_a_time_is_not_taken_for_ever(server: FakeMirror) -> None:
    server.fail("file", truncated(1))
    with pytest.raises(GaveUp) as caught:
        receive(server)
    assert caught.value.attempts == 9
    assert caught.value.in_words(9).endswith("(gave up after 9 attempts, with 9 bytes)")
