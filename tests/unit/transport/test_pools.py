from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.certificate import make_certificate
from tests.fakes.registry import FakeRegistry

from ironhull.errors import InputError, NetworkError
from ironhull.settings import Settings
from ironhull.transport.exchange import Exchange
from ironhull.transport.message import Request
from ironhull.transport.network import Network
from ironhull.transport.patience import Patience
from ironhull.transport.pools import Pools, tls_context
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture
def guarded(certificate: Path) -> Iterator[FakeRegistry]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with FakeRegistry(tls=context) as registry:
        yield registry


def status(network: Network, server: FakeRegistry) -> int:
    exchange = Exchange(network, Patience(attempts=1))
    try:
        return exchange.ask(Request("GET", f"{server.url}/v2/"), 100).status
    finally:
        exchange.close()


def test_authorities_of_one_network_are_not_those_of_another(
    guarded: FakeRegistry, certificate: Path
) -> None:
    assert status(Network(ca_file=certificate), guarded) == 200
    assert status(Network(also=certificate), guarded) == 200
    with pytest.raises(NetworkError, match="not trusted"):
        status(Network(), guarded)


def test_authorities_of_the_environment_count_where_it_is_handed_in_alone(
    guarded: FakeRegistry, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, str(certificate))
    with pytest.raises(NetworkError, match="not trusted"):
        status(Network(), guarded)
    place = Path("/nonexistent")
    settings = Settings(home=place, catalog=place, environment={"SSL_CERT_FILE": str(certificate)})
    assert status(network(Machine(settings)), guarded) == 200
    assert status(network(Machine(Settings(place, place, ca=certificate))), guarded) == 200


def test_the_system_authorities_are_those_that_openssl_was_built_with() -> None:
    ours, usual = tls_context(Network()), ssl.create_default_context()
    assert ours.verify_mode == usual.verify_mode == ssl.CERT_REQUIRED
    assert ours.check_hostname
    assert ours.verify_flags == usual.verify_flags
    assert ours.minimum_version == usual.minimum_version


@pytest.mark.parametrize("text", ["nothing", None])
def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    with pytest.raises(InputError, match=r"ca\.pem: no certificate authorities in PEM format"):
        Pools(Network(also=file))
    with pytest.raises(InputError, match=r"ca\.pem"):
        Pools(Network(ca_file=file)).pool("https://mirror.example/")
    Pools(Network(ca_file=file)).pool("http://mirror.example/")


def test_a_server_has_one_pool_whatever_the_path() -> None:
    pools = Pools(Network({"http": "http://proxy.example:3128"}, "direct.example"))
    assert pools.pool("http://a.example/x") is pools.pool("http://A.example:80/y")
    assert pools.pool("http://a.example/").proxy is not None
    assert pools.pool("http://direct.example/").proxy is None
    assert pools.pool("http://a.example:81/") is not pools.pool("http://a.example/")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://direct.example/a%20b?c=d&e", "/a%20b?c=d&e"),
        ("http://direct.example", "/"),
        ("http://direct.example?c", "/?c"),
        ("http://direct.example/a/../b", "http://direct.example/a/../b"),
        ("http://far.example/a", "http://far.example/a"),
    ],
)
def test_the_library_is_asked_for_a_path_where_nothing_of_the_address_is_left_to_do(
    url: str, asked: str
) -> None:
    pools = Pools(Network({"http": "http://proxy.example:3128"}, "direct.example"))
    assert pools.at(url)[1] == asked


def test_after_the_connections_were_closed_others_are_opened() -> None:
    pools = Pools(Network())
    before, _ = pools.at("http://direct.example/a")
    assert pools.at("http://direct.example/b")[0] is before
    pools.close()
    assert pools.at("http://direct.example/a")[0] is not before
