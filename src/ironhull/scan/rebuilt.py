"""Whose a Debian package is: Debian's own, or rebuilt by somebody else, whose versions sort oddly.

A vendor's `3.5.1-1+dhi0` sorts after Debian's fix `3.5.1-1+deb13u2` and before `3.5.1-2`, and has
neither fix for that. So the order of versions says nothing about what others have built. Signs:

1. The version. In the part that Debian's maintainers choose, Debian uses few words (`_OWN`): those
   of security and stable updates, of uploads by others, of ports, of old releases. Any other word
   is not Debian's. Of a version without revision only words of known vendors count, because there
   the whole is the maintainer's choice.
2. The package database: an `Origin`, a vendor's address as `Maintainer`, an `Original-Maintainer`
   (`Package.origin`).
3. The namespace of its purl.

Binary rebuilds (`+b1`) have no change in their source, whose version is what is compared: they are
Debian's. Backports are by Debian, but no security data are about them: they are told apart here.
"""

from __future__ import annotations

import re
from typing import Final

from ironhull.inventory.model import Package
from ironhull.values import dataclass

UNKNOWN = "unknown"
"""The state of a finding that the order of versions alone would clear."""
DHI: Final = "dhi"
OURS: Final = "ironhull"
"""Who writes `+ihN` to the version of Debian's that was patched: all of that is in it."""

# Expressions as texts, compiled when a version has a word that is not Debian's.
_VENDORS = (
    (DHI, "Docker Hardened Images", r"(?<![a-z])dhi\.?\d*(?![a-z])"),
    (OURS, "Ironhull", r"[+~]ih\d+"),
    ("", "Raspberry Pi", r"[+~]rpt\d*(?![a-z])"),
    ("", "Raspbian", r"[+~](?:rpi|rvt)\d*(?![a-z])"),
    ("", "Ubuntu ESM", r"(?<![a-z])esm\.?\d+"),
    ("", "Ubuntu", r"(?<![a-z])ubuntu[\d.]*|-[\d.]+(build\d+(?:\.\d+)*)$"),
    ("", "Freexian", r"(?<![a-z])(?:freexian|elts)\.?\d*(?![a-z])"),
    ("", "MariaDB", r"[+~]maria(?![a-z])"),
    ("", "PostgreSQL's own archive", r"\.pgdg\d+"),
    ("", "deb.sury.org", r"\+debian\d+~\d"),
    ("", "NodeSource", r"nodesource\d*"),
    ("", "Debian's backports", r"~?(?<![a-z])bpo[\d.]*(?:\+\d+)?"),
)
_OWN = frozenset(
    (
        # updates, uploads by others, upstream sources that were changed, unreleased ones
        *("deb", "nmu", "dfsg", "ds", "really", "lts", "volatile", "exp", "experimental", "sid"),
        *("git", "svn", "bzr", "brz", "cvs", "hg", "gbp", "rc", "alpha", "beta", "pre", "test"),
        *("stage", "dev", "bootstrap", "full", "debian", "pl", "nocelt"),
        # releases by name, as long as updates had them
        *("woody", "sarge", "etch", "lenny", "squeeze", "wheezy"),
        # ports
        *("hurd", "ports", "loong", "powerpc", "ppc", "riscv", "sparc", "sh", "ia", "qemu", "kbsd"),
    )
)
_PLAIN = _OWN - {"debian"}
_WORD = re.compile(r"[A-Za-z]{2,}")
_HASHED = re.compile(r"[\d.]*(?:git|svn|bzr|brz|cvs|hg|gbp|r\d)|\d{8}")
_PARTS = re.compile(r"[+~]?[^+~]+")


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """Who made a package that is not Debian's own."""

    name: str
    sign: str
    """What shows it: `+dhi0`, `Maintainer`, …"""
    base: str
    """The version without what follows the sign: what it was made from, if anything."""
    vendor: str = ""
    """The family of ecosystems in which the vendor's own feed speaks."""

    @property
    def words(self) -> str:
        """`unknown: rebuilt by Docker Hardened Images (+dhi0)`."""
        return f"unknown: rebuilt by {self.name} ({self.sign})"


def rebuilt_by(package: Package) -> Rebuilder | None:
    """Who rebuilt a Debian package; None for one that nothing shows to be another's."""
    version = package.source_version or package.version
    found = rebuilt_version(version)
    if found is not None:
        return found
    namespace = package.purl.removeprefix("pkg:deb/").partition("/")[0]
    if package.purl.startswith("pkg:deb/") and namespace == DHI:
        return Rebuilder("Docker Hardened Images", "pkg:deb/dhi", version, DHI)
    if package.origin:
        return Rebuilder(package.origin, "by its package database", version)
    if package.purl.startswith("pkg:deb/") and namespace not in ("debian", ""):
        return Rebuilder(namespace, f"pkg:deb/{namespace}", version)
    return None


def rebuilt_version(version: str) -> Rebuilder | None:
    """Who rebuilt it by the version alone; None for a version as Debian writes them."""
    lowered = version.lower()
    if _PLAIN.issuperset(_WORD.findall(lowered)):
        return None  # by far the most frequent case
    for vendor, name, pattern in _VENDORS:
        found = re.search(pattern, lowered)
        if found:
            base = version[: found.start(found.lastindex or 0)].rstrip("+~.-")
            return Rebuilder(name, version[len(base) : found.end()], base or version, vendor)
    start = version.rfind("-") + 1
    if not start:
        return None
    for part in _PARTS.finditer(version, start):
        text = part[0].lstrip("+~")
        foreign = [word for word in _WORD.findall(text) if word.lower() not in _OWN]
        if foreign and not _HASHED.match(text):
            base = version[: part.start()].rstrip("-") or version
            return Rebuilder("others", part[0], base)
    return None
