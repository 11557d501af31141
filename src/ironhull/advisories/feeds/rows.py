"""The feeds that Ironhull knows, a row each: form, rank and the addresses of their makers.

Every address is only a default; settings and `--source NAME=URL|FILE|DIR` replace it. What reads
the forms is in `known`: a scan asks for ranks alone, and loads none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

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


Form = Literal[
    "tracker",
    "annotations",
    "advisory list",
    "osv",
    "secdb",
    "kev",
    "epss",
    "nodejs",
    "endoflife",
    "distro-info",
    "support",
]

LAST_RANK = 2


class FeedRow(NamedTuple):
    """A feed. With no address it is read only where `--source` gives one."""

    name: str
    form: Form
    addresses: tuple[str, ...] = ()
    default: bool = True
    """Whether `ironhull advisories update` without `--source` gets it."""
    rank: int = LAST_RANK
    """Of feeds that say something about one package of Debian, the lowest is asked first."""
    family: str = ""
    """Of OSV's records: whose are kept, an ecosystem of the database."""


def _osv(name: str, family: str, ecosystem: str, default: bool) -> FeedRow:
    addresses = (f"{_OSV}/{ecosystem}/all.zip",) if ecosystem else ()
    return FeedRow(f"osv-{name}", "osv", addresses, default, family=family)


_ALL = (
    FeedRow(
        "debian-tracker",
        "tracker",
        ("https://security-tracker.debian.org/tracker/data/json",),
        rank=1,
    ),
    FeedRow("debian-annotations", "annotations", (f"{_TRACKER}/CVE/list",), rank=0),
    FeedRow("debian-dsa", "advisory list", (f"{_TRACKER}/DSA/list",), rank=0),
    FeedRow("debian-dla", "advisory list", (f"{_TRACKER}/DLA/list",), rank=0),
    _osv("debian", "debian", "Debian", True),
    _osv("alpine", "alpine", "Alpine", True),
    _osv("dhi", "dhi", "", False),
    _osv("npm", "npm", "npm", True),
    _osv("pypi", "pypi", "PyPI", True),
    _osv("go", "golang", "Go", True),
    _osv("maven", "maven", "Maven", False),
    _osv("rubygems", "gem", "RubyGems", False),
    _osv("packagist", "composer", "Packagist", False),
    _osv("nuget", "nuget", "NuGet", False),
    _osv("rust", "cargo", "", False),
    FeedRow(
        "alpine-secdb",
        "secdb",
        tuple(
            f"{_SECDB}/v3.{minor}/{repository}.json"
            for minor in range(18, 25)
            for repository in ("main", "community")
        ),
        default=False,
    ),
    FeedRow(
        "kev",
        "kev",
        ("https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",),
    ),
    FeedRow("epss", "epss", ("https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",)),
    FeedRow(
        "nodejs",
        "nodejs",
        ("https://raw.githubusercontent.com/nodejs/security-wg/main/vuln/core/index.json",),
    ),
    FeedRow("endoflife", "endoflife", tuple(f"{_EOL}/{product}.json" for product in _PRODUCTS)),
    FeedRow(
        "debian-releases",
        "distro-info",
        ("https://salsa.debian.org/debian/distro-info-data/-/raw/main/debian.csv",),
    ),
    FeedRow(
        "debian-support",
        "support",
        (
            f"{_SUPPORT}/security-support-limited",
            *(f"{_SUPPORT}/security-support-ended.deb{number}" for number in (11, 12, 13)),
        ),
    ),
)

ROWS: Mapping[str, FeedRow] = {row.name: row for row in _ALL}


def rank_of(name: str) -> int:
    """The rank of a feed; one that is not known is asked last."""
    return ROWS[name].rank if name in ROWS else LAST_RANK
