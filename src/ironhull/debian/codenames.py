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
IMAGES: Mapping[str, str] = {
    NUMBERS[codename]: codename for codename in ("bullseye", "bookworm", "trixie", "forky")
}
"""Number → codename of the releases that images are made of.

Not of older ones: the suite of their security updates has another name.
"""
