"""Debian's releases: codename ↔ number. Numbers are what OSV and os-release use."""

from __future__ import annotations

from collections.abc import Mapping

NUMBERS: Mapping[str, str] = {
    "potato": "2.2",
    "woody": "3.0",
    "sarge": "3.1",
    "etch": "4",
    "lenny": "5",
    "squeeze": "6",
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "duke": "15",
}
CODENAMES: Mapping[str, str] = {number: codename for codename, number in NUMBERS.items()}

SID = "debian:sid"
EXPERIMENTAL = "debian:experimental"
_POCKETS = ("-security", "-updates", "-proposed-updates", "-backports", "-lts")


def release_number(name: str) -> str:
    """`12` for bookworm, Bookworm, bookworm-security; the name itself where it is not known."""
    codename = name.lower()
    for pocket in _POCKETS:
        codename = codename.removesuffix(pocket)
    return NUMBERS.get(codename, codename)


def ecosystem(release: str) -> str:
    """`debian:12` for `bookworm` or `12`, `debian:sid` for `sid`."""
    return f"debian:{release_number(release)}"


def order(of: str) -> float:
    """Where a Debian ecosystem stands in time; sid is after every release."""
    number = of.removeprefix("debian:")
    try:
        return float(number)
    except ValueError:
        return float("inf")
