"""What a reader may see: the repositories of the registry that its rules let them pull.

All that is shown, searched and counted goes through a shelf. What is not on it is answered like
what does not exist, after the same work.
"""

from __future__ import annotations

import itertools
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal, TypeVar

from ironhull.catalog.facts import Summary
from ironhull.catalog.index import CatalogIndex
from ironhull.oci.descriptor import Descriptor
from ironhull.store.layout import CANDIDATES, LOCKED

TagState = Literal["active", "grace", "ended"]
GRACE = timedelta(days=30)
"""After its end of life an image is still rebuilt for so long (`watch.policy`)."""
_SHELVES = 50
_SETTLE_SECONDS = 2.0
_OFTEN = 40
"""Searches of one shelf from which on it pays to write down who has which word."""

_Value = TypeVar("_Value")
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
    _groups: list[tuple[str, list[str]]] = field(default_factory=list, repr=False, compare=False)
    _places: list[Place] = field(default_factory=list, repr=False, compare=False)

    @property
    def groups(self) -> Sequence[tuple[str, list[str]]]:
        """Each image with its tags, the shortest tag first."""
        if not self._groups:
            found: dict[str, list[str]] = {}
            for tag, digest in self.tags.items():
                found.setdefault(digest, []).append(tag)
            for tags in found.values():
                tags.sort(key=lambda tag: (len(tag), tag))
            self._groups[:] = sorted(found.items(), key=lambda each: (len(each[1][0]), each[1][0]))
        return self._groups

    @property
    def places(self) -> Sequence[Place]:
        """Its images, by the shortest tag of each; the same as long as the entry is."""
        if not self._places:
            found = sorted(self.groups, key=lambda each: each[1][0])
            self._places[:] = [Place(self.name, tags, digest) for digest, tags in found]
        return self._places

    def sibling(self, tag: str, word: str) -> str:
        """The tag of the same image in another variant: `20-dev` for `20`; empty: none."""
        wanted = f"{tag}-{word}"
        return wanted if wanted in self.tags else ""


@dataclass(frozen=True, slots=True)
class Place:
    """An image in a repository."""

    name: str
    """Of the repository."""
    tags: Sequence[str]
    """The shortest one first."""
    digest: str

    @property
    def order(self) -> tuple[str, str]:
        """By what such places stand in a list of all."""
        return self.name, self.tags[0]


@dataclass(frozen=True, slots=True)
class Shelf:
    """All that one reader may see, at one moment."""

    entries: tuple[Entry, ...]
    by_name: Mapping[str, Entry]
    summaries: Mapping[str, Summary]
    generation: int
    may: Callable[[str], bool] = field(default=lambda name: False, repr=False, compare=False)
    """Whether the reader may see a repository that is none of the entries: a mirror."""
    whole: bool = False
    """Whether the reader sees every repository that has tags."""
    number: int = field(default_factory=itertools.count().__next__)
    """Another one for each shelf that is made."""
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _working: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def kept(self, key: str, work: Callable[[], _Value]) -> _Value:
        """What was worked out for all of it, while it lasts: by the first who asks.

        Who asks meanwhile waits for that: eight who all begin the same are done eight times later.
        """
        with self._working:
            if key not in self._kept:
                self._kept[key] = work()
            found: _Value = self._kept[key]
            return found

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
        found = self._having(words[0]) if words else self.entries
        for word in words[1:]:
            found = [each for each in found if word in each.words]
        first = words[0] if words else ""
        return sorted(found, key=lambda each: (not each.name.startswith(first), each.name))

    def _having(self, word: str) -> Sequence[Entry]:
        """Entries that have a word, which has no white space: all words stand in one long text."""
        # Of two threads one may not count: a search more or less does not matter.
        searches = self._kept["searches"] = self._kept.get("searches", 0) + 1
        work = self._words if searches > _OFTEN else self._lines
        lines = self.kept(work.__name__, work)
        found: set[int] = set()
        place = lines.text.find(word)
        while place >= 0:
            number = bisect_right(lines.ends, place)
            found.update(lines.entries[number])
            place = lines.text.find(word, lines.ends[number])
        return [self.entries[number] for number in found]

    def _lines(self) -> _Lines:
        """A line for each entry: looking through them is a fraction of looking at each."""
        numbers = range(len(self.entries))
        return _lines_of([each.words for each in self.entries], [(each,) for each in numbers])

    def _words(self) -> _Lines:
        """A line for each word: images share most of their packages, so it is a tenth of that."""
        having: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            for word in set(entry.words.split()):
                having.setdefault(word, []).append(number)
        return _lines_of(having, list(having.values()))

    @property
    def images(self) -> int:
        """How many different images it has."""
        return self.kept(
            "images",
            lambda: len({digest for entry in self.entries for digest in entry.tags.values()}),
        )


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text that words are looked for in: where each line ends, and which entries have it."""

    text: str
    ends: Sequence[int]
    entries: Sequence[Sequence[int]]


def _lines_of(words: Iterable[str], entries: Sequence[Sequence[int]]) -> _Lines:
    lines = [f"{each}\n" for each in words]
    return _Lines("".join(lines), list(itertools.accumulate(map(len, lines))), entries)


class Shelves:
    """Makes shelves, and keeps those of the latest readers while nothing changes."""

    def __init__(
        self,
        index: CatalogIndex,
        tags: Callable[[], Tags],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.index, self._tags = index, tags
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._clock = clock
        self._kept: dict[Hashable, _Standing] = {}
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
        found = self._standing(reader, self._asked(may))
        if found is not None:
            return found
        with self._making:
            # Of all who ask after a change the first one makes it; what changed while others waited
            # is looked at again.
            asked = self._asked(may)
            return self._standing(reader, asked) or self._made(reader, asked)

    def _asked(self, may: Callable[[str], bool]) -> _Asked:
        return _Asked(self._tags(), self.index.generation, self._clock(), may)

    def _standing(self, reader: Hashable, asked: _Asked) -> Shelf | None:
        with self._lock:
            kept = self._kept.get(reader)
        if kept is None or kept.listed is not asked.listed:
            return None
        settling = asked.at - kept.at < _SETTLE_SECONDS
        return kept.shelf if settling or kept.shelf.generation == asked.generation else None

    def _made(self, reader: Hashable, asked: _Asked) -> Shelf:
        with self._lock:
            forgotten, before = self._forgotten, self._kept.get(reader)
        summaries = self.index.summaries()
        known: dict[str, Entry] = {}
        if before is not None:
            changed = self.index.changed_since(before.shelf.generation)
            known = _unmoved(before.listed, before.shelf, asked.listed, changed)
        made = shelf_of(asked.listed, summaries, asked.may, asked.generation, known)
        with self._lock:
            if len(self._kept) >= _SHELVES:
                self._kept.clear()
            if forgotten == self._forgotten:
                self._kept[reader] = _Standing(asked.listed, asked.at, made)
        return made


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a shelf is to be made of, for whom, and when."""

    listed: Tags
    generation: int
    at: float
    may: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A shelf, the tags that it was made of, and when."""

    listed: Tags
    at: float
    shelf: Shelf


def _unmoved(before: Tags, shelf: Shelf, after: Tags, changed: Set[str]) -> dict[str, Entry]:
    """Entries as they were: of repositories in which no tag moved, and no image `changed`.

    After a push or a scan these are all but one.
    """
    return {
        name: entry
        for name, entry in shelf.by_name.items()
        if name in after
        and after[name] is before.get(name)
        and (not changed or changed.isdisjoint(entry.tags.values()))
    }


def shelf_of(
    listed: Tags,
    summaries: Mapping[str, Summary],
    may: Callable[[str], bool],
    generation: int,
    known: Mapping[str, Entry] | None = None,
) -> Shelf:
    """The shelf of whoever `may` see these repositories; `known` entries are as they were."""
    known = known or {}
    published = {
        name: tags
        for name, tags in listed.items()
        if tags and not name.startswith((CANDIDATES, LOCKED))
    }
    entries = tuple(
        known.get(name)
        or _entry(name, {tag: str(each.digest) for tag, each in tags.items()}, summaries)
        for name, tags in sorted(published.items())
        if may(name)
    )
    by_name = {each.name: each for each in entries}
    whole = len(entries) == len(published)
    return Shelf(entries, by_name, summaries, generation, may, whole)


def _entry(name: str, tags: Mapping[str, str], summaries: Mapping[str, Summary]) -> Entry:
    default = _default(tags, summaries)
    summary = summaries.get(tags[default])
    words = [name, *tags]
    if summary is not None:
        words += [summary.title, summary.description, summary.names]
    return Entry(name, tags, default, summary, " ".join(words).lower())


def _default(tags: Mapping[str, str], summaries: Mapping[str, Summary]) -> str:
    """`latest`, else the shortest tag of the newest image that is made for running.

    The newest is the one that is kept up to date for longest: all of them are rebuilt every day.
    """
    if "latest" in tags:
        return "latest"

    def rank(tag: str) -> tuple[bool, bool, int, int, str]:
        summary = summaries.get(tags[tag])
        if summary is None:
            return (True, True, 0, len(tag), tag)
        return (
            bool(summary.flavor),
            summary.variant not in ("runtime", ""),
            -_last_day(summary.end_of_life),
            len(tag),
            tag,
        )

    return min(tags, key=rank)


def _last_day(end_of_life: str) -> int:
    """The day as a number; 0 where none is said."""
    try:
        return date.fromisoformat(end_of_life).toordinal()
    except ValueError:
        return 0


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
