"""What looks like a key or a token, wherever in a file it is."""

from __future__ import annotations

import random

import pytest

from ironhull.inventory import secrets

TOKENS = {
    b"AKIAABCDEFGHIJKLMNOP": "AWS access key id",
    b"ghp_" + b"a1" * 18: "GitHub token",
    b"github_pat_" + b"a" * 22 + b"_" + b"b" * 59: "GitHub token",
    b"glpat-" + b"a" * 20: "GitLab token",
    b"npm_" + b"a1" * 18: "npm token",
    b"xoxb-12345678-" + b"a" * 16: "Slack token",
    b"sk_live_" + b"a" * 24: "Stripe key",
    b"AIza" + b"a" * 35: "Google API key",
    b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n": "RSA private key",
}


@pytest.mark.parametrize("token", TOKENS, ids=TOKENS.values())
def test_a_token_is_found_wherever_in_a_file_it_is(token: bytes) -> None:
    chance = random.Random(token)
    for size in (0, 1, 15, 16, 17, 31, 63, 64, 1000, 70_000):
        around = bytes(chance.choices(b" \n\0\xff.=", k=size))
        for cut in {0, size // 2, size}:
            data = around[:cut] + b" " + token + b" " + around[cut:]
            assert secrets.in_file("/app/settings", data) == TOKENS[token], (size, cut)


def test_a_marker_alone_is_no_token_and_hides_none_behind_it() -> None:
    markers = b"AKIA ghp_ npm_ sk_live_ PRIVATE KEY AIza xoxb- "
    assert secrets.in_file("/app/settings", markers) == ""
    for token, detail in TOKENS.items():
        assert secrets.in_file("/app/settings", markers + token + b" ") == detail


def test_documentation_may_show_tokens_but_no_keys() -> None:
    found = {secrets.in_file("/usr/share/doc/x", token) for token in TOKENS}
    assert found == {"", "RSA private key"}
