from __future__ import annotations

import pytest

from ironhull.errors import NetworkError
from ironhull.transport.nearness import Nearness, Sender, nearness

OWN, OTHER = ("https", "registry.example", 443), ("https", "other.example", 443)
PUBLIC, PRIVATE, LINK = "1.1.1.1", "10.0.0.7", "169.254.169.254"


@pytest.mark.parametrize(
    ("address", "near"),
    [
        (PUBLIC, Nearness.ANYWHERE),
        ("2606:4700::1", Nearness.ANYWHERE),
        (PRIVATE, Nearness.NETWORK),
        ("100.64.0.1", Nearness.NETWORK),
        ("fd00::1", Nearness.NETWORK),
        ("::ffff:10.0.0.7", Nearness.NETWORK),
        (LINK, Nearness.MACHINE),
        ("fe80::1%eth0", Nearness.MACHINE),
        ("127.0.0.2", Nearness.MACHINE),
        ("::1", Nearness.MACHINE),
        ("::ffff:127.0.0.1", Nearness.MACHINE),
        ("0.0.0.0", Nearness.MACHINE),
    ],
)
def test_how_near_an_address_is(address: str, near: Nearness) -> None:
    assert nearness(address) is near


@pytest.mark.parametrize(
    ("own", "target"), [(PUBLIC, PRIVATE), (PUBLIC, LINK), (PRIVATE, LINK), (None, PRIVATE)]
)
def test_no_server_sends_us_nearer_than_it_is_itself(own: str | None, target: str) -> None:
    sender = Sender(OWN)
    if own is not None:
        sender.reached(OWN, own)
    with pytest.raises(NetworkError, match=r"registry\.example: sends us to other\.example"):
        sender.reached(OTHER, target)


@pytest.mark.parametrize(("own", "target"), [(PUBLIC, PUBLIC), (PRIVATE, PRIVATE), (LINK, PRIVATE)])
def test_a_server_sends_us_to_what_is_as_far_away(own: str, target: str) -> None:
    sender = Sender(OWN)
    sender.reached(OWN, own)
    sender.reached(OTHER, target)
