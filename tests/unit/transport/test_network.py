from __future__ import annotations

from pathlib import Path
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.transport.network import Network, network_of, proxy_for

PROXIES = {"http": "http://proxy.example:3128", "https": "http://tls.example:3129"}


def test_an_environment_says_proxies_exceptions_and_authorities() -> None:
    found = network_of(
        {
            "HTTP_PROXY": "http://capitals.example",
            "http_proxy": PROXIES["http"],
            "HTTPS_PROXY": PROXIES["https"],
            "NO_PROXY": "a.example,b.example",
            "SSL_CERT_FILE": "/etc/ca.pem",
            "SSL_CERT_DIR": "/etc/ca",
            "PATH": "/bin",
        }
    )
    assert dict(found.proxies) == PROXIES
    assert found.no_proxy == "a.example,b.example"
    assert (found.ca_file, found.ca_folder) == (Path("/etc/ca.pem"), Path("/etc/ca"))


def test_an_empty_variable_in_small_letters_takes_the_proxy_away() -> None:
    found = network_of({"HTTP_PROXY": "http://capitals.example", "http_proxy": ""})
    assert not found.proxies


def test_a_header_that_a_cgi_program_was_sent_is_no_proxy() -> None:
    cgi = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil.example", "HTTPS_PROXY": "http://p"}
    assert dict(network_of(cgi).proxies) == {"https": "http://p"}
    meant = {**cgi, "http_proxy": "http://meant.example"}
    assert network_of(meant).proxies["http"] == "http://meant.example"


@pytest.mark.parametrize(
    ("host", "no_proxy", "proxied"),
    [
        ("mirror.example", "", True),
        ("mirror.example", "mirror.example", False),
        ("mirror.example", "other.example, .example", False),
        ("mirror.example", "MIRROR.example", False),
        ("Mirror.Example", "mirror.example", False),
        ("notmirror.example", "mirror.example", True),
        ("mirror.example", "mirror.example:80", False),
        ("mirror.example", "mirror.example:81", True),
        ("mirror.example", "*", False),
        ("mirror.example", "x,*", True),
        ("mirror.example", ",", True),
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("localhost", "", False),
        ("sub.localhost", "", False),
    ],
)
def test_a_proxy_is_passed_by_for_hosts_that_are_named_and_for_this_machine(
    host: str, no_proxy: str, proxied: bool
) -> None:
    network = Network(PROXIES, no_proxy)
    assert proxy_for(network, "http", host, 80) == (PROXIES["http"] if proxied else None)


WORDS = st.sampled_from(["a", "b.a", ".a", "A", "c.b.a", "ba", "a:80", "a:8", "b.a:80", " a ", ""])


@given(st.lists(WORDS, max_size=4).map(",".join), st.sampled_from(["a", "b.a", "ba", "c.b.a"]))
def test_no_proxy_is_read_as_the_standard_library_reads_it(no_proxy: str, host: str) -> None:
    expected = bool(proxy_bypass_environment(f"{host}:80", {"no": no_proxy}))
    direct = proxy_for(Network(PROXIES, no_proxy), "http", host, 80) is None
    assert direct == expected
