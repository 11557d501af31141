"""The feeds of `rows`, each with what reads its form."""

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
from ironhull.advisories.feeds.rows import ROWS, FeedRow, Form
from ironhull.advisories.feeds.secdb import SecdbFeed
from ironhull.advisories.feeds.tracker import TrackerFeed
from ironhull.advisories.interface import Feed

_READERS: Mapping[Form, Feed] = {
    "tracker": TrackerFeed(),
    "annotations": AnnotationFeed(),
    "advisory list": AnnotationFeed(matches=False),
    "secdb": SecdbFeed(),
    "kev": KevFeed(),
    "epss": EpssFeed(),
    "nodejs": NodeFeed(),
    "endoflife": EndOfLifeFeed(),
    "distro-info": DistroInfoFeed(),
    "support": SupportFeed(),
}


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A feed by its name, with its reader; see `FeedRow`."""

    name: str
    feed: Feed
    addresses: tuple[str, ...] = ()
    default: bool = True


def _known(row: FeedRow) -> KnownFeed:
    feed = OsvFeed(row.family) if row.form == "osv" else _READERS[row.form]
    return KnownFeed(row.name, feed, row.addresses, row.default)


KNOWN: Mapping[str, KnownFeed] = {name: _known(row) for name, row in ROWS.items()}
