from __future__ import annotations

import pytest

from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.request_head import check_head


def scope(*headers, method="GET", version="1.1"):
    return {"method": method, "http_version": version, "headers": list(headers)}


@pytest.mark.parametrize(
    "host",
    [b"x", b"registry.example:5000", b"127.0.0.1:5000", b"[::1]:5000", b"my_registry", b"x:"],
)
def test_one_host_is_taken(host):
    check_head(scope((b"host", host)))


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b""],
        [b"a", b"b"],
        [b"a", b"a"],
        [b"a b"],
        [b"a, b"],
        [b"user@a"],
        [b"a/b"],
        [b'x",service="evil'],
        [b"[::1"],
        [b"a:b"],
        [b"\xff"],
        [b"a" * 256],
    ],
)
def test_no_host_two_or_what_is_none_is_refused(hosts):
    with pytest.raises(Refusal) as caught:
        check_head(scope(*((b"host", host) for host in hosts)))
    assert (caught.value.status, caught.value.code) == (400, "REQUEST_INVALID")


def test_http_1_0_knows_no_host():
    for version in ("1.0", "1"):
        check_head(scope(version=version))
        check_head(scope((b"host", b""), version=version))
        with pytest.raises(Refusal):
            check_head(scope((b"host", b"a"), (b"host", b"b"), version=version))


def test_an_encoding_that_nobody_would_undo_is_refused():
    host = (b"host", b"x")
    check_head(scope(host, (b"transfer-encoding", b"Chunked ")))
    for encodings in ([b"gzip, chunked"], [b"chunked", b"chunked"], [b"gzip"], [b""]):
        with pytest.raises(Refusal) as caught:
            check_head(scope(host, *((b"transfer-encoding", value) for value in encodings)))
        assert caught.value.status == 501


def test_the_registry_answers_400_to_a_head_that_is_none(site):
    answer = site.ask("GET", "/v2/", headers={"host": ""})
    assert (answer.status, answer.code) == (400, "REQUEST_INVALID")
