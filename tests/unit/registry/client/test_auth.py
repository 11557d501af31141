from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import pytest
from tests.fakes.registry import FakeRegistry, forget_tokens, says
from tests.unit.registry.client.conftest import QUICK, Notes
from tests.unit.registry.client.test_repository import manifest

from ironhull.errors import NetworkError
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.client.access import Registries
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.auth import Authorizer, Scope
from ironhull.registry.client.challenge import Challenge
from ironhull.registry.client.credentials import Credentials, Login
from ironhull.registry.client.repository import Repository
from ironhull.transport.exchange import Exchange
from ironhull.transport.network import Network

Connect = Callable[..., Repository]
LOGIN = Login("u", "secret", "test")


def filled(registry: FakeRegistry) -> FakeRegistry:
    registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
    return registry


def test_basic_is_sent_after_it_was_asked_for_and_then_at_once(connect: Connect) -> None:
    with filled(FakeRegistry(auth="basic", login=("u", "secret"))) as registry:
        repository = connect(registry, login=LOGIN)
        repository.fetch_manifest("1")
        repository.fetch_manifest("1")
        sent = [seen.headers.get("authorization") for seen in registry.seen]
    basic = "Basic " + base64.b64encode(b"u:secret").decode()
    assert sent == [None, basic, basic]


def test_a_wrong_password_is_said_once_and_what_to_do(connect: Connect) -> None:
    with filled(FakeRegistry(auth="basic", login=("u", "other"))) as registry:
        with pytest.raises(Refused, match=r"answered 401.*log in first") as caught:
            connect(registry, login=LOGIN).fetch_manifest("1")
        assert len(registry.seen) == 2
    assert "secret" not in str(caught.value)


def test_without_a_login_basic_is_not_tried(connect: Connect) -> None:
    with filled(FakeRegistry(auth="basic", login=("u", "secret"))) as registry:
        with pytest.raises(Refused, match="401"):
            connect(registry).fetch_manifest("1")
        assert len(registry.seen) == 1


def test_a_token_is_fetched_once_for_each_scope(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token", login=("u", "secret"))) as registry:
        repository = connect(registry, login=LOGIN)
        for _ in range(3):
            repository.fetch_manifest("1")
        asked = registry.requests("GET", "^/token")
        assert len(asked) == registry.issued == 1
        assert "scope=repository%3Aapp%3Apull" in asked[0].path
        assert "service=fake" in asked[0].path


def test_an_anonymous_token_is_as_good_as_any(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        connect(registry).fetch_manifest("1")
        assert "authorization" not in registry.requests("GET", "^/token")[0].headers


def test_pushing_asks_for_the_right_to_push(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        connect(registry, write=True).fetch_manifest("1")
        assert "pull%2Cpush" in registry.requests("GET", "^/token")[0].path


def test_an_expired_token_is_replaced_in_the_middle(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        repository = connect(registry)
        repository.fetch_manifest("1")
        registry.fail("GET", "/manifests/", forget_tokens)
        repository.fetch_manifest("1")
        assert registry.issued == 2


def test_a_token_is_renewed_before_it_ends(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token", token_seconds=1)) as registry:
        repository = connect(registry)
        repository.fetch_manifest("1")
        threading.Event().wait(0.6)
        before = len(registry.requests("GET", "/manifests/"))
        repository.fetch_manifest("1")
        assert registry.issued == 2
        assert len(registry.requests("GET", "/manifests/")) == before + 1


def test_a_registry_that_rejects_every_token_is_given_up(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        registry.fail("GET", "/manifests/", forget_tokens, times=99)
        with pytest.raises(Refused, match="401"):
            connect(registry).fetch_manifest("1")
        assert registry.issued <= 3


def test_a_refused_login_is_told_with_its_source(connect: Connect) -> None:
    with (
        filled(FakeRegistry(auth="token", login=("u", "other"))) as registry,
        pytest.raises(Refused, match=r"the login from test.*401.*wrong password"),
    ):
        connect(registry, login=LOGIN).fetch_manifest("1")


def test_an_identity_token_is_exchanged_by_post(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token", login=("u", "refresh"))) as registry:
        connect(registry, login=Login("", "", "test", "refresh")).fetch_manifest("1")
        assert len(registry.requests("POST", "^/token")) == 1


def test_a_token_server_elsewhere_gets_the_login_and_the_registry_does_not(
    connect: Connect,
) -> None:
    with (
        FakeRegistry(login=("u", "secret")) as server,
        filled(FakeRegistry(auth="token")) as registry,
    ):
        registry.realm = f"{server.url}/token"
        registry.tokens = server.tokens
        connect(registry, login=LOGIN).fetch_manifest("1")
        assert server.seen[0].headers["authorization"].startswith("Basic ")
        sent = [seen.headers.get("authorization", "") for seen in registry.seen]
        assert not any(text.startswith("Basic") for text in sent)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": 7}',
        b'{"token": "a b"}',
        b'{"token": "a\\r\\nx: y"}',
        b"{" * 9,
    ],
)
def test_an_answer_without_a_token_is_an_error(connect: Connect, body: bytes) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        registry.fail("GET", "^/token", says(200, body))
        with pytest.raises(NetworkError, match="without a token"):
            connect(registry).fetch_manifest("1")


def test_an_endless_token_is_not_read(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        registry.fail("GET", "^/token", says(200, b'{"token":"' + b"x" * 1_000_000 + b'"}'))
        with pytest.raises(NetworkError, match="more than"):
            connect(registry).fetch_manifest("1")


@pytest.mark.parametrize(
    "realm", ["", "/token", "file:///etc/passwd", "https://u:p@auth.example/", "https://"]
)
def test_a_realm_must_be_a_web_address(realm: str, connect: Connect) -> None:
    with filled(FakeRegistry()) as registry:
        challenge = f'Bearer realm="{realm}"'
        registry.fail("GET", "/manifests/", says(401, www_authenticate=challenge), times=9)
        with pytest.raises(NetworkError, match="no usable token server"):
            connect(registry).fetch_manifest("1")


def authorizer(base: str, exchange: Exchange, login: Login | None = LOGIN) -> Authorizer:
    known = Credentials()
    found = Authorizer("registry.example", base, exchange, known)
    found._logins[Scope("app").repository] = login
    return found


def test_a_login_is_never_sent_over_plain_http_to_another_machine(notes: Notes) -> None:
    exchange = Exchange(Network(), QUICK, progress=notes)
    for base in ("http://registry.example", "http://10.0.0.1:5000"):
        challenges = [Challenge("basic", {})]
        assert authorizer(base, exchange).challenged(challenges, Scope("app"), None) is None
    assert "plain http" in notes.notes[0]
    assert "secret" not in "".join(notes.notes)


def test_what_a_login_gets_is_not_sent_over_plain_http_either(notes: Notes) -> None:
    with FakeRegistry(login=("u", "secret")) as server:
        exchange = Exchange(Network(), QUICK, progress=notes)
        challenge = Challenge("bearer", {"realm": f"{server.url}/token"})
        with pytest.raises(Refused, match="an anonymous request"):
            authorizer("http://10.0.0.1", exchange).challenged([challenge], Scope("app"), None)
        exchange.close()
        assert "authorization" not in server.seen[0].headers
    assert "plain http" in notes.notes[0]


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "[::1]:5000", "x.localhost"])
def test_this_machine_may_get_a_login_over_plain_http(host: str) -> None:
    exchange = Exchange(Network(), QUICK)
    found = authorizer(f"http://{host}", exchange).challenged(
        [Challenge("basic", {})], Scope("app"), None
    )
    assert found is not None


def test_a_token_server_over_plain_http_is_not_asked_for_a_registry_with_tls() -> None:
    exchange = Exchange(Network(), QUICK)
    challenge = Challenge("bearer", {"realm": "http://localhost:1/token"})
    with pytest.raises(NetworkError, match="plain http"):
        authorizer("https://registry.example", exchange).challenged([challenge], Scope("app"), None)


def test_many_threads_fetch_one_token(connect: Connect) -> None:
    with filled(FakeRegistry(auth="token")) as registry:
        repository = connect(registry)
        threads = [
            threading.Thread(target=repository.fetch_manifest, args=("1",)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert registry.issued == 1


def test_registries_without_credentials_are_anonymous() -> None:
    with Registries() as opened:
        assert not opened.stop.is_set()
