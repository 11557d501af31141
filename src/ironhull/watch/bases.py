"""Images that take files from others of the catalog: in which order they are worked on.

An image waits for all that it is made from, near and far, as long as those are still to be done in
the round; what ends, however it ends, holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

from ironhull.state.watch_records import ImageState
from ironhull.watch.model import Cause, CauseKind, Entry, Rebuilt, Wanted, most_urgent
from ironhull.watch.patience import is_due
from ironhull.watch.plan import Observed, examined


def circles(catalog: Iterable[Wanted], ours: Mapping[str, str]) -> dict[str, str]:
    """By image: the way on which it would take files from itself.

    `ours` has the images of the catalog by the references that others follow them with.
    """
    left, found = _direct(catalog, ours), {}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            way = error.args[1]
            for name in way[:-1]:
                left.pop(name)
                found[name] = " ← ".join(way)
        else:
            return found


def _direct(catalog: Iterable[Wanted], ours: Mapping[str, str]) -> dict[str, set[str]]:
    """By image: those of the catalog that it takes files from."""
    return {
        wanted.name: {ours[each.reference] for each in followed if each.reference in ours}
        for wanted in catalog
        if (followed := wanted.definition.followed)
    }


@dataclass(slots=True)
class Bases:
    """Which images of a round take files from which."""

    derived: Mapping[str, Wanted]
    """Images that take files from others, by name."""
    ours: Mapping[str, str]
    """By the reference that images are followed with: the image of the catalog."""
    _near: dict[str, set[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._near = _direct(self.derived.values(), self.ours)

    def of(self, name: str) -> Iterator[str]:
        """All images that one is made from, near and far, each once."""
        seen, left = {name}, [name]
        while left:
            for each in self._near.get(left.pop(), set()) - seen:
                seen.add(each)
                left.append(each)
                yield each

    def named(self, wanted: Wanted) -> dict[str, str]:
        """By the reference that an image follows: the image of the catalog."""
        followed = [each.reference for each in wanted.definition.followed]
        return {each: self.ours[each] for each in followed if each in self.ours}

    def moved(self, base: str, digest: str, observed: Observed) -> tuple[Observed, list[Wanted]]:
        """What is seen when an image is at another digest, and who takes files from it."""
        now = {reference: digest for reference, name in self.ours.items() if name == base}
        if not now or not digest or all(observed.images.get(each) == digest for each in now):
            return observed, []
        near = [
            wanted
            for wanted in self.derived.values()
            if any(each.reference in now for each in wanted.definition.followed)
        ]
        return replace(observed, images={**observed.images, **now}), near

    def expected(self, entries: Sequence[Entry], observed: Observed, now: datetime) -> list[Entry]:
        """A plan with what its images will make due as well, in the order of the work.

        Of an image that is not worked on now nothing follows. Which one is rebuilt in vain, fails
        or is held by the gate nobody knows before.
        """

        def due(entry: Entry) -> bool:
            known = observed.states.get(entry.name, ImageState(entry.name))
            return is_due(known, now, examined(entry.wanted, observed))

        found = {entry.name: entry for entry in entries}
        for name in sorted(self.derived, key=lambda name: (len([*self.of(name)]), name)):
            wanted, known = self.derived[name], observed.states.get(name, ImageState(name))
            below = {
                reference: _as_base(entry)
                for reference, base in self.named(wanted).items()
                if (entry := found.get(base)) is not None and due(entry)
            }
            if below and known.state != "ended":
                own = found.get(name) or Entry(wanted, (), (), (), "routine", known.behind_since)
                found[name] = _following(own, below)
        return in_line(found.values(), self)


def _as_base(entry: Entry) -> Rebuilt:
    fixes = [*entry.fixes, *(fix for base in entry.bases for fix in base.fixes)]
    unique = {fix.vulnerability: fix for fix in reversed(fixes)}
    since = min(filter(None, [entry.since, *(base.since for base in entry.bases)]), default="")
    return Rebuilt(entry.name, entry.urgency, tuple(sorted(unique.values())), since)


def _following(entry: Entry, below: Mapping[str, Rebuilt]) -> Entry:
    """An entry that is rebuilt after others as well, and is as urgent as they are."""
    causes = [
        Cause(CauseKind.IMAGE, base.said(name, "is rebuilt first")) for name, base in below.items()
    ]
    return replace(
        entry,
        causes=(*entry.causes, *causes),
        urgency=most_urgent([entry.urgency, *(base.urgency for base in below.values())]),
        bases=(*entry.bases, *below.values()),
    )


def in_line(entries: Iterable[Entry], bases: Bases) -> list[Entry]:
    """Entries in the order of the work: the most urgent first, with what each is made from.

    What a more urgent one waits for is as urgent as that.
    """
    found = {entry.name: entry for entry in entries}
    first = {name: entry.order for name, entry in found.items()}
    derived = bases.derived.keys() & found.keys()
    waits = {name: [base for base in bases.of(name) if base in found] for name in derived}
    for name in sorted(derived, key=lambda name: len(waits[name])):
        for each in found[name].bases:
            if each.image in found:
                urgency, since, path = first[each.image]
                first[name] = min(first[name], (urgency, since, (*path, name)))
    for name, below in waits.items():
        for base in below:
            first[base] = min(first[base], found[name].order)
    return sorted(
        found.values(), key=lambda each: (first[each.name], len(waits.get(each.name, ())))
    )


class Line:
    """The entries of a round in their order, none before what it is made from."""

    def __init__(self, entries: Sequence[Entry], bases: Bases) -> None:
        self._bases = bases
        self._left = {entry.name: entry for entry in in_line(entries, bases)}

    def __len__(self) -> int:
        return len(self._left)

    def clear(self) -> None:
        """Nothing more is begun."""
        self._left.clear()

    def add(self, entries: Iterable[Entry]) -> None:
        """Entries that came up meanwhile, also in the place of what was known of an image."""
        self._left |= {entry.name: entry for entry in entries}
        self._left = {each.name: each for each in in_line(self._left.values(), self._bases)}

    def take(self, running: Collection[str]) -> Entry | None:
        """The next one; None where all that are left wait for what is `running`."""
        for entry in self._ready(running):
            return self._left.pop(entry.name)
        return None

    def _ready(self, running: Collection[str]) -> Iterator[Entry]:
        for name, entry in self._left.items():
            if not any(each in self._left or each in running for each in self._bases.of(name)):
                yield entry
