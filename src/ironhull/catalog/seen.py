"""One image that is looked at, on one of its platforms: what is known of it, and where it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ironhull.catalog import links
from ironhull.catalog.facts import (
    BuildFacts,
    FindingFacts,
    PackageFacts,
    PlatformFacts,
    ProvenanceFacts,
    ScanFacts,
)
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.shelf import Entry, Shelf
from ironhull.scan.severities import RANK

_WORDS = re.compile(links.PLATFORM_WORDS)


@dataclass(frozen=True, slots=True)
class Shown:
    """One image that is looked at."""

    entry: Entry
    tag: str
    digest: str
    build: BuildFacts
    platform: PlatformFacts | None
    """The chosen one, else the first; None where nothing is known of any."""
    scan: ScanFacts | None
    """Of the platform."""

    @property
    def name(self) -> str:
        """For `Live`: not by its tag, which may have moved since somebody was asked about it."""
        return f"{self.entry.name}@{self.digest}"

    @property
    def chosen(self) -> str:
        """What names the platform in an address; empty for the first one, which needs no name."""
        return _word(self.build, self.platform) if self.platform else ""

    @property
    def platform_name(self) -> str:
        """The platform in words; empty where nothing is known of any."""
        return self.platform.platform if self.platform else ""

    @property
    def provenance(self) -> ProvenanceFacts | None:
        """How the platform's image was made."""
        return self.build.made(self.platform.digest) if self.platform else self.build.provenance

    def at(self, section: str = "", page: int = 1) -> str:
        """The path of a section about this image on this platform."""
        return links.image_path(self.entry.name, self.tag, section, page, self.chosen)

    def on(self, platform: PlatformFacts, section: str = "") -> str:
        """The path of the same section about another of its platforms."""
        word = _word(self.build, platform)
        return links.image_path(self.entry.name, self.tag, section, platform=word)


def shown(
    index: CatalogIndex, shelf: Shelf, name: str, tag: str, platform: str = ""
) -> Shown | None:
    """The image by its tag; None for what is not there, or not to be seen.

    `platform` is the name of one of its platforms or the digest of that platform's image; empty:
    the first one.
    """
    found = shelf.find(name, tag)
    if found is None:
        return None
    entry, chosen, digest = found
    build = index.build(digest)
    if build is None:
        build = BuildFacts(
            digest, "", "", "", "", "", "", "", "", "", (), problem="it was not looked at yet"
        )
    fitting = [each for each in build.platforms if platform in ("", each.platform, each.digest)]
    if platform and not fitting:
        return None
    one = fitting[0] if fitting else None
    return Shown(entry, chosen, digest, build, one, index.scan(one.digest) if one else None)


def platform_word(build: BuildFacts, manifest: str) -> str:
    """What names the platform of a manifest in an address; empty: the first one's, or unknown."""
    found = next((each for each in build.platforms if each.digest == manifest), None)
    return _word(build, found) if found else ""


def _word(build: BuildFacts, platform: PlatformFacts) -> str:
    """Its name; its digest where an index says something odd, or the same of two."""
    if platform is build.platforms[0]:
        return ""
    names = Counter(each.platform for each in build.platforms)
    plain = _WORDS.fullmatch(platform.platform) and names[platform.platform] == 1
    return platform.platform if plain else platform.digest


def packages_of(seen: Shown, query: str) -> Sequence[PackageFacts]:
    """Packages whose name, source, licence or reason has every word."""
    words = query.lower().split()
    return [
        each
        for each in (seen.platform.packages if seen.platform else ())
        if all(
            word
            in f"{each.name} {each.source} {each.type} {' '.join(each.licenses)} {each.why}".lower()
            for word in words
        )
    ]


def findings_of(seen: Shown, query: str) -> Sequence[FindingFacts]:
    """Findings that have every word, the open and severe first."""
    words = query.lower().split()
    found = [
        each
        for each in (seen.scan.findings if seen.scan else ())
        if all(
            word in f"{each.id} {each.package} {each.severity} {each.status} {each.title}".lower()
            for word in words
        )
    ]
    rank = {"affected": 0, "unknown": 1}
    return sorted(
        found,
        key=lambda each: (
            rank.get(each.status, 2),
            not each.exploited,
            RANK.get(each.severity, 9),
            each.id,
        ),
    )
