"""Debian's releases as ecosystems of the database: `debian:12`, and their order in time."""

from __future__ import annotations

from ironhull.debian.codenames import NUMBERS

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
