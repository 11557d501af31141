"""What a reader may see: the repositories of the registry that its rules let them pull.

All that is shown, searched and counted goes through a shelf. What is not on it is answered like
what does not exist, after the same work.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from ironhull.catalog.facts import Summary
from ironhull.catalog.index import CatalogIndex
from ironhull.oci.descriptor import Descriptor

TagState = Literal["active", "grace", "ended"]
GRACE = timedelta(days=30)
"""After its end of life an image is still rebuilt for so long (`watch.policy`)."""
_SHELVES = 50
_SETTLE_SECONDS = 2.0

Tags = Mapping[str, Mapping[str, Descriptor]]
"""Repository → tag → what it points at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One repository."""

    name: str
    tags: Mapping[str, str]
    """Tag → digest."""
    default: str
    """The tag that stands for it."""
    summary: Summary | None
    """Of the default tag's image; None: nobody looked at it yet."""
    words: str = field(repr=False)
    """What it is found by, in small letters."""

    @property
    def groups(self) -> list[tuple[str, list[str]]]:
        """Each image with its tags, the shortest tag first."""
        found: dict[str, list[str]] = {}
        for tag, digest in self.tags.items():
            found.setdefault(digest, []).append(tag)
        for tags in found.values():
            tags.sort(key=lambda tag: (len(tag), tag))
        return sorted(found.items(), key=lambda each: (len(each[1][0]), each[1][0]))

    def sibling(self, tag: str, word: str) -> str:
        """The tag of the same image in another variant: `20-dev` for `20`; empty: none."""
        wanted = f"{tag}-{word}"
        return wanted if wanted in self.tags else ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """All that one reader may see, at one moment."""

    entries: tuple[Entry, ...]
    by_name: Mapping[str, Entry]
    summaries: Mapping[str, Summary]
    generation: int
    may: Callable[[str], bool] = field(default=lambda name: False, repr=False, compare=False)
    """Whether the reader may see a repository that is none of the entries: a mirror."""
    number: int = field(default_factory=itertools.count().__next__)
    """Another one for each shelf that is made."""
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was worked out for all of it, while it lasts."""

    def find(self, name: str, tag: str = "") -> tuple[Entry, str, str] | None:
        """The entry, the tag and its digest; None for what is not there or not to be seen."""
        entry = self.by_name.get(name)
        if entry is None:
            return None
        chosen = tag or entry.default
        digest = entry.tags.get(chosen)
        return None if digest is None else (entry, chosen, digest)

    def search(self, text: str) -> list[Entry]:
        """Entries that have every word of the text; those whose name begins with it first."""
        words = text.lower().split()[:10]
        found: Sequence[Entry] = self.entries
        for word in words:
            found = [each for each in found if word in each.words]
        first = words[0] if words else ""
        return sorted(found, key=lambda each: (not each.name.startswith(first), each.name))

    @property
    def images(self) -> int:
        """How many different images it has."""
        if "images" not in self.kept:
            found = {digest for entry in self.entries for digest in entry.tags.values()}
            self.kept["images"] = len(found)
        return int(self.kept["images"])


class Shelves:
    """Makes shelves, and keeps those of the latest readers while nothing changes."""

    def __init__(
        self,
        index: CatalogIndex,
        tags: Callable[[], Tags],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.index, self._tags = index, tags
        self._lock = threading.Lock()
        self._clock = clock
        self._kept: dict[Hashable, tuple[object, float, Shelf]] = {}
        self._forgotten = 0

    def forget(self) -> None:
        """Let go of all shelves, also of those that are being made: what they hold is over."""
        with self._lock:
            self._forgotten += 1
            self._kept.clear()

    def shelf(self, reader: Hashable, may: Callable[[str], bool]) -> Shelf:
        """What a reader sees; `reader` stands for what `may` allows.

        Tags are those of this moment; what is newly known of images is seen a moment later, or a
        server that gathers many would make a shelf for each.
        """
        listed, generation, now = self._tags(), self.index.generation, self._clock()
        with self._lock:
            forgotten = self._forgotten
            kept = self._kept.get(reader)
            if kept is not None and kept[0] is listed:
                _, made_at, found = kept
                if found.generation == generation or now - made_at < _SETTLE_SECONDS:
                    return found
        made = shelf_of(listed, self.index.summaries(), may, generation)
        with self._lock:
            if len(self._kept) >= _SHELVES:
                self._kept.clear()
            if forgotten == self._forgotten:
                self._kept[reader] = (listed, now, made)
        return made


def shelf_of(
    listed: Tags, summaries: Mapping[str, Summary], may: Callable[[str], bool], generation: int
) -> Shelf:
    """The shelf of whoever `may` see these repositories."""
    entries = tuple(
        _entry(name, {tag: str(each.digest) for tag, each in tags.items()}, summaries)
        for name, tags in sorted(listed.items())
        if tags and may(name)
    )
    return Shelf(entries, {each.name: each for each in entries}, summaries, generation, may)


def _entry(name: str, tags: Mapping[str, str], summaries: Mapping[str, Summary]) -> Entry:
    default = _default(tags, summaries)
    summary = summaries.get(tags[default])
    words = [name, *tags]
    if summary is not None:
        words += [summary.title, summary.description, summary.names]
    return Entry(name, tags, default, summary, " ".join(words).lower())


def _default(tags: Mapping[str, str], summaries: Mapping[str, Summary]) -> str:
    """`latest`, else the shortest tag of the newest image that is made for running."""
    if "latest" in tags:
        return "latest"

    def rank(tag: str) -> tuple[bool, bool, int, str]:
        summary = summaries.get(tags[tag])
        if summary is None:
            return (True, True, len(tag), tag)
        return (
            bool(summary.flavor),
            summary.variant not in ("runtime", ""),
            len(tag),
            tag,
        )

    return min(tags, key=rank)


def state_of(end_of_life: str, today: date) -> TagState:
    """Whether an image is kept up to date: by the date that it says itself."""
    try:
        ends = date.fromisoformat(end_of_life)
    except ValueError:
        return "active"
    if today <= ends:
        return "active"
    return "grace" if today <= ends + GRACE else "ended"


def counterpart(entry: Entry, tag: str, summaries: Mapping[str, Summary]) -> str:
    """The tag of the conventional image that this one is held against; empty: none."""
    chosen = entry.sibling(tag, "standard")
    if chosen:
        return chosen
    own = summaries.get(entry.tags[tag])
    if own is None or own.flavor == "standard":
        return ""
    return next(
        (
            each
            for each in sorted(entry.tags, key=lambda each: (len(each), each))
            if (found := summaries.get(entry.tags[each])) is not None and found.flavor == "standard"
        ),
        "",
    )
