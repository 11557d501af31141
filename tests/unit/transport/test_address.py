from __future__ import annotations

import pytest

from ironhull.errors import NetworkError
from ironhull.transport.address import (
    host_of,
    is_loopback,
    origin,
    parts_of,
    shown,
    without_user,
)


def test_messages_show_no_password() -> None:
    assert shown("https://user:secret@m.example:1/x?y") == "https://m.example:1/x?y"
    assert shown("http://m.example/a@b") == "http://m.example/a@b"
    assert without_user("http://u:p@m.example/a@b") == "http://m.example/a@b"
    assert host_of("http://u:p@m.example:81/x") == "m.example:81"


def test_what_is_no_address_has_no_parts_and_shows_no_password_either() -> None:
    assert parts_of("https://a.example/x").hostname == "a.example"
    for text in ("https://u:secret@[/x", "https://u:secret@a.example:none/x"):
        assert not any(parts_of(text))
        assert host_of(text) == ""
        assert "secret" not in shown(text)


def test_an_origin_is_what_credentials_are_bound_to() -> None:
    assert origin("HTTPS://Mirror.example/x") == ("https", "mirror.example", 443)
    assert origin("http://u@[::1]:8080") == ("http", "::1", 8080)
    for text in ("http://[", "http://x:99999/"):
        with pytest.raises(NetworkError, match="not an address"):
            origin(text)


def test_this_machine_is_known_by_its_names_alone() -> None:
    for host in ("localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"):
        assert is_loopback(host)
    for host in ("localhost.example", "128.0.0.1", "10.0.0.1", "", "::2"):
        assert not is_loopback(host)
