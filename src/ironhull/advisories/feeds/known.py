"""The feeds that Ironhull knows: name, format and the addresses that their makers publish.

Every address is only a default; settings and `--source NAME=URL|FILE|DIR` replace it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ironhull.advisories.feeds.annotations import AnnotationFeed
from ironhull.advisories.feeds.facts import (
    DistroInfoFeed,
    EndOfLifeFeed,
    EpssFeed,
    KevFeed,
    SupportFeed,
)
from ironhull.advisories.feeds.nodejs import NodeFeed
from ironhull.advisories.feeds.osv import OsvFeed
from ironhull.advisories.feeds.secdb import SecdbFeed
from ironhull.advisories.feeds.tracker import TrackerFeed
from ironhull.advisories.interface import Feed

_OSV = "https://osv-vulnerabilities.storage.googleapis.com"
_TRACKER = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data"
_SUPPORT = "https://salsa.debian.org/debian/debian-security-support/-/raw/master"
_EOL = "https://raw.githubusercontent.com/endoflife-date/release-data/main/releases"
_SECDB = "https://secdb.alpinelinux.org"
_PRODUCTS = (
    "alpine-linux",
    "apache-http-server",
    "debian",
    "eclipse-temurin",
    "go",
    "haproxy",
    "mariadb",
    "nginx",
    "nodejs",
    "php",
    "postgresql",
    "python",
    "redis",
    "ruby",
    "valkey",
)


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A feed by its name. With no address it is read only where `--source` gives one."""

    name: str
    feed: Feed
    addresses: tuple[str, ...] = ()
    default: bool = True
    """Whether `ironhull advisories update` without `--source` gets it."""


def _osv(name: str, family: str, ecosystem: str, default: bool) -> KnownFeed:
    addresses = (f"{_OSV}/{ecosystem}/all.zip",) if ecosystem else ()
    return KnownFeed(f"osv-{name}", OsvFeed(family), addresses, default)


_ALL = (
    KnownFeed(
        "debian-tracker",
        TrackerFeed(),
        ("https://security-tracker.debian.org/tracker/data/json",),
    ),
    KnownFeed("debian-annotations", AnnotationFeed(), (f"{_TRACKER}/CVE/list",)),
    KnownFeed("debian-dsa", AnnotationFeed(matches=False), (f"{_TRACKER}/DSA/list",)),
    KnownFeed("debian-dla", AnnotationFeed(matches=False), (f"{_TRACKER}/DLA/list",)),
    _osv("debian", "debian", "Debian", True),
    _osv("alpine", "alpine", "Alpine", True),
    _osv("npm", "npm", "npm", True),
    _osv("pypi", "pypi", "PyPI", True),
    _osv("go", "golang", "Go", True),
    _osv("maven", "maven", "Maven", False),
    _osv("rubygems", "gem", "RubyGems", False),
    _osv("packagist", "composer", "Packagist", False),
    _osv("nuget", "nuget", "NuGet", False),
    _osv("rust", "cargo", "", False),
    KnownFeed(
        "alpine-secdb",
        SecdbFeed(),
        tuple(
            f"{_SECDB}/v3.{minor}/{repository}.json"
            for minor in range(18, 25)
            for repository in ("main", "community")
        ),
        default=False,
    ),
    KnownFeed(
        "kev",
        KevFeed(),
        ("https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",),
    ),
    KnownFeed(
        "epss", EpssFeed(), ("https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",)
    ),
    KnownFeed(
        "nodejs",
        NodeFeed(),
        ("https://raw.githubusercontent.com/nodejs/security-wg/main/vuln/core/index.json",),
    ),
    KnownFeed(
        "endoflife", EndOfLifeFeed(), tuple(f"{_EOL}/{product}.json" for product in _PRODUCTS)
    ),
    KnownFeed(
        "debian-releases",
        DistroInfoFeed(),
        ("https://salsa.debian.org/debian/distro-info-data/-/raw/main/debian.csv",),
    ),
    KnownFeed(
        "debian-support",
        SupportFeed(),
        (
            f"{_SUPPORT}/security-support-limited",
            *(f"{_SUPPORT}/security-support-ended.deb{number}" for number in (11, 12, 13)),
        ),
    ),
)

KNOWN: Mapping[str, KnownFeed] = {known.name: known for known in _ALL}
