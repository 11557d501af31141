from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.mirror import FakeMirror, redirected, serving, status

from ironhull.errors import NetworkError
from ironhull.transport.exchange import Exchange
from ironhull.transport.message import Request
from ironhull.transport.network import Network
from ironhull.transport.patience import Patience
from ironhull.transport.redirects import follow, steps_down


@dataclass
class Anywhere:
    """A rule that has nothing against anything."""

    most: int = 3

    def check(self, request: Request, target: str) -> None:
        pass

    def endless(self, target: str) -> NetworkError:
        return NetworkError(f"endless, to {target}")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[FakeMirror, FakeMirror]]:
    (tmp_path / "file").write_bytes(b"here")
    with serving(tmp_path) as one, serving(tmp_path) as two:
        yield one, two


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(Network(), Patience())


LOGIN = {"Authorization": "Basic x", "accept": "text/plain"}


def test_redirects_lead_to_the_file_and_its_address(
    servers: tuple[FakeMirror, FakeMirror], exchange: Exchange
) -> None:
    server, _ = servers
    server.fail("old", redirected("/middle"))
    server.fail("middle", redirected("file"))
    response, url = follow(exchange.once, Request("GET", f"{server.url}/old"), Anywhere())
    assert (response.status, url) == (200, f"{server.url}/file")


def test_a_login_goes_on_at_its_own_server_alone(
    servers: tuple[FakeMirror, FakeMirror], exchange: Exchange
) -> None:
    own, other = servers
    own.fail("old", redirected("/middle"))
    own.fail("middle", redirected(f"{other.url}/file"))
    follow(exchange.once, Request("GET", f"{own.url}/old", LOGIN), Anywhere())
    assert [seen.headers.get("authorization") for seen in own.requests] == ["Basic x", "Basic x"]
    assert [seen.headers.get("authorization") for seen in other.requests] == [None]
    assert other.requests[0].headers["accept"] == "text/plain"


def test_redirects_end_after_as_many_as_the_protocol_follows(
    servers: tuple[FakeMirror, FakeMirror], exchange: Exchange
) -> None:
    server, _ = servers
    server.fail("old", redirected("/{n}/old"))
    with pytest.raises(NetworkError, match="endless"):
        follow(exchange.once, Request("GET", f"{server.url}/old"), Anywhere(most=3))
    assert len(server.requests) == 4


def test_a_redirect_to_nowhere_is_an_answer_like_any_other(
    servers: tuple[FakeMirror, FakeMirror], exchange: Exchange
) -> None:
    server, _ = servers
    server.fail("old", status(302))
    response, _ = follow(exchange.once, Request("GET", f"{server.url}/old"), Anywhere())
    assert response.status == 302


def test_nobody_is_led_out_of_tls_whatever_the_protocol_allows() -> None:
    assert steps_down("https://a.example/", "http://a.example/")
    assert steps_down("https://a.example/", "ftp://a.example/")
    assert not steps_down("http://a.example/", "http://b.example/")
    assert not steps_down("http://a.example/", "https://b.example/")

    class Moved:
        status = 302
        headers = {"location": "http://a.example/", "content-length": ""}  # noqa: RUF012

        def close(self) -> None:
            pass

    with pytest.raises(NetworkError, match="from TLS to what is not"):
        follow(lambda sent: Moved(), Request("GET", "https://a.example/"), Anywhere())  # type: ignore[arg-type, return-value]


def test_a_redirect_to_what_is_no_address_is_an_error(
    servers: tuple[FakeMirror, FakeMirror], exchange: Exchange
) -> None:
    server, _ = servers
    server.fail("old", redirected("http://["))
    with pytest.raises(NetworkError, match="no address"):
        follow(exchange.once, Request("GET", f"{server.url}/old"), Anywhere())
