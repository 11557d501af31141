"""Images that take files from others of the catalog: in which order they are worked on.

An image waits for all that it is made from, near and far, as long as those are still to be done in
the round; what ends, however it ends, holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from ironhull.watch.model import Entry, Wanted
from ironhull.watch.plan import Observed, plan


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

    def moved(self, base: str, digest: str, observed: Observed) -> tuple[Observed, list[Entry]]:
        """What is seen when an image is at another digest, and what is to be done for it."""
        now = {reference: digest for reference, name in self.ours.items() if name == base}
        if not now or not digest or all(observed.images.get(each) == digest for each in now):
            return observed, []
        observed = replace(observed, images={**observed.images, **now})
        near = [
            wanted
            for wanted in self.derived.values()
            if any(each.reference in now for each in wanted.definition.followed)
        ]
        return observed, plan(near, observed)


class Line:
    """The entries of a round in their order, none before what it is made from."""

    def __init__(self, entries: Sequence[Entry], bases: Bases) -> None:
        self._left = {entry.name: entry for entry in entries}
        self._bases = bases

    def __len__(self) -> int:
        return len(self._left)

    def clear(self) -> None:
        """Nothing more is begun."""
        self._left.clear()

    def add(self, entries: Iterable[Entry]) -> None:
        """Entries that came up meanwhile, also in the place of what was known of an image."""
        self._left |= {entry.name: entry for entry in entries}
        order = sorted(self._left.values(), key=lambda entry: entry.order)
        self._left = {entry.name: entry for entry in order}

    def take(self, running: Collection[str]) -> Entry | None:
        """The next one; None where all that are left wait for what is `running`."""
        for entry in self._ready(running):
            return self._left.pop(entry.name)
        return None

    def _ready(self, running: Collection[str]) -> Iterator[Entry]:
        for name, entry in self._left.items():
            if not any(each in self._left or each in running for each in self._bases.of(name)):
                yield entry
